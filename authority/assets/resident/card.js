// A code as it is held out: name, symbol, until when; and the same as an image and on paper.

import { notice } from "./elements.js";
import { Silent } from "./page/ask.js";
import { $, drawn, el, put } from "./page/dom.js";
import { t } from "./page/text.js";
import { path, QUIET_ZONE, symbol } from "./qr.js";
import { now_ms } from "./authority.js";
import { until } from "./time.js";

export function qr(text, label) {
  const made = symbol(text);
  const side = made.side + 2 * QUIET_ZONE;
  const shown = { viewBox: `0 0 ${side} ${side}`, role: "img", "aria-label": label, "shape-rendering": "crispEdges", class: "qr" };
  const svg = drawn("svg", shown, drawn("rect", { width: side, height: side, fill: "#fff" }), drawn("path", { d: path(made) }));
  svg.dataset.version = made.version;
  return svg;
}

export function card(code, title, ...below) {
  const valid = until(code.expires_at, now_ms());
  const over = code.expires_at <= now_ms();
  const label = t("qr.label", { title, name: code.name, digits: code.last_four });
  return el(
    "section.card",
    { "aria-labelledby": "card-title" },
    el("h1", { id: "card-title" }, title),
    el("p.name", {}, el("span", {}, code.name), el("span.digits", {}, t("last-four", { digits: code.last_four }))),
    over ? el("p.over", { role: "alert" }, t("expired")) : qr(code.text, label),
    el("p.valid", {}, el("span", {}, t("valid-until")), el("b", {}, valid.moment), !over && el("span", {}, valid.left)),
    ...below,
  );
}

const WIDTH = 1080;
const HEIGHT = 1500;
const SIDE = 960;

// The image says whose it is and until when: it is as good as the page (C1, C2).
export async function saveImage(code, title) {
  const canvas = el("canvas", { width: WIDTH, height: HEIGHT });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, WIDTH, HEIGHT);
  pen.fillStyle = "#0b1b2b";
  pen.textAlign = "center";
  const line = (words, y, size, weight = "400") => {
    pen.font = `${weight} ${size}px system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif`;
    pen.fillText(words, WIDTH / 2, y, WIDTH - 80);
  };
  const valid = until(code.expires_at, now_ms());
  line(title, 110, 72, "700");
  line(`${code.name}  ${t("last-four", { digits: code.last_four })}`, 220, 60, "600");
  line(t("valid-until"), 1330, 48);
  line(valid.moment, 1410, 64, "700");
  const made = symbol(code.text);
  // Whole pixels a module: a blurred edge is what a cheap camera cannot read.
  const scale = Math.floor(SIDE / (made.side + 2 * QUIET_ZONE));
  const side = scale * (made.side + 2 * QUIET_ZONE);
  pen.translate(Math.floor((WIDTH - side) / 2), 270);
  pen.scale(scale, scale);
  pen.fillStyle = "#000";
  pen.fill(new Path2D(path(made)));
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const link = el("a", { href: URL.createObjectURL(blob), download: `${title}-${code.last_four}.png` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  notice(t("saved"), t("saved.next"));
}

// Prints the authority's sheet; with no network, what is on the screen.
export async function print(sheet) {
  let url = null;
  try {
    url = URL.createObjectURL(await sheet());
    const page = el("img", { src: url, alt: "" });
    put($("print"), page);
    await page.decode();
    document.body.classList.add("prints-sheet");
  } catch (error) {
    if (!(error instanceof Silent)) throw error;
  }
  window.print();
  document.body.classList.remove("prints-sheet");
  if (url) URL.revokeObjectURL(url);
}
