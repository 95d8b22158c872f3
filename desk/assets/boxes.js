// Boxes at the site: scan the box, scan its tubes, count them by hand, hand it over. While this is open, scans pack.

import { button, notice, openPanel, panelBody, refusedNotice } from "./elements.js";
import { counting, miscounts } from "./count.js";
import { Refused, get, post } from "./page/ask.js";
import { el, put } from "./page/dom.js";
import { t } from "./page/text.js";
import { printOut } from "./print.js";
import { play } from "./sound.js";
import { desk } from "./state.js";
import { dayAndTime, msOf } from "./time.js";

// { box }: absent while the panel is closed; the box is null until its label was scanned.
let packing = null;
// One scan after the other: two scans must not overtake each other.
let turn = Promise.resolve();

export const isPacking = () => packing !== null;

export function openBoxes() {
  openPanel(t("boxes.title"), [el("div.form", { id: "boxes" })], () => (packing = null));
  packing = { box: null };
  render();
}

export function packScan(text) {
  turn = turn.then(() => scanned(text.normalize("NFKC").trim().toUpperCase())).catch(refused);
  return turn;
}

function refused(error) {
  play("red");
  refusedNotice(error);
}

async function scanned(barcode) {
  if (!packing) return;
  if (!packing.box) {
    const box = await get(`/desk/boxes/${encodeURIComponent(barcode)}`);
    if (box.is_tube) {
      play("red");
      return notice(t("boxes.is-tube", { tube: barcode }), "bad");
    }
    take(box);
    return play("tube");
  }
  if (barcode === packing.box.barcode) return;
  if (packing.box.shown?.tubes.some((one) => one.tube === barcode)) return notice(t("boxes.twice", { tube: barcode }), "plain");
  try {
    take(await post(`/desk/boxes/${encodeURIComponent(packing.box.barcode)}/pack`, { tube: barcode }));
    play("green");
  } catch (error) {
    if (error instanceof Refused && error.name === "not-found") return notice(t("boxes.no-tube", { tube: barcode }), "bad");
    throw error;
  }
}

function take(box) {
  if (!packing) return;
  packing.box = box;
  render();
}

async function handOver(to, count) {
  try {
    take(await post(`/desk/boxes/${encodeURIComponent(packing.box.barcode)}/handover`, { to, count }));
    notice(t("boxes.handed", { box: packing.box.barcode, to }), "good");
    play("green");
  } catch (error) {
    refused(error);
  }
}

function render() {
  const place = panelBody()?.querySelector("#boxes");
  if (!place) return;
  const { box } = packing;
  if (!box) return put(place, el("p.scan-hint", {}, t("boxes.scan")), typed(t("boxes.box")));
  const tubes = box.shown?.tubes ?? [];
  const handed = box.shown?.handed_over ?? [];
  const courier = el("input", { id: "courier", type: "text", maxLength: 16, autocomplete: "off", required: true });
  put(
    place,
    el("div.card-head", {}, el("div.tube-barcode", {}, box.barcode), button(t("boxes.other"), () => take(null), "quiet")),
    el("p.lead", { role: "status", id: "packed" }, t("boxes.packed", { n: tubes.length, people: box.people })),
    box.waiting.length > 0 && el("p.tube-full", {}, t("boxes.waiting", { n: box.waiting.length, tubes: box.waiting.slice(0, 6).map((one) => one.tube).join(t("comma")) })),
    !handed.length && el("p.hint", {}, t("boxes.scan-tubes")),
    !handed.length && typed(t("boxes.tube")),
    tubes.length > 0 && el("ul.packed", {}, tubes.map((one) => el("li", {}, one.tube))),
    handed.map((one) => el("p.lead", {}, t("boxes.gone", { to: one.to, n: one.count, when: dayAndTime(msOf(one.by.stamp)) }))),
    ...miscounts(box.shown?.miscounts ?? []),
    // A box that is gone is handed over again only on purpose.
    tubes.length > 0 && el("details", { open: !handed.length }, el("summary", {}, t("boxes.hand-over")), counting({ id: "counted", system: tubes.length, action: t("boxes.hand-over"), counted: (n) => handOver(courier.value.trim(), n), more: [el("label", { for: "courier" }, t("boxes.courier")), courier] })),
    el("div.row", {}, button(t("boxes.print-list"), printList), button(t("boxes.print-label"), printLabel)),
  );
}

// A barcode that no scanner reads is typed.
function typed(words) {
  const field = el("input", { id: "packed-barcode", type: "text", maxLength: 32, autocomplete: "off", autocapitalize: "characters" });
  const send = (event) => {
    event.preventDefault();
    if (field.value.trim()) packScan(field.value);
    field.value = "";
  };
  return el("form.row", { onsubmit: send }, el("label.unseen-text", { for: "packed-barcode" }, words), Object.assign(field, { placeholder: words }), el("button", { type: "submit" }, t("boxes.take")));
}

const label = async (barcode) => {
  const picture = el("img.label-bars", { alt: barcode, src: `/desk/labels/${encodeURIComponent(barcode)}` });
  await picture.decode();
  return picture;
};

async function printLabel() {
  const { box } = packing;
  printOut(el("div.label", {}, await label(box.barcode), el("b", {}, box.barcode), el("p", {}, `${desk.site} · ${dayAndTime(Date.now())}`)));
}

async function printList() {
  const { box } = packing;
  const tubes = box.shown?.tubes ?? [];
  printOut(
    el("h1", {}, `${t("boxes.list")} ${box.barcode}`),
    await label(box.barcode),
    el("p", {}, `${desk.site} · ${dayAndTime(Date.now())} · ${t("boxes.packed", { n: tubes.length, people: box.people })}`),
    el("ol.packed", {}, tubes.map((one) => el("li", {}, one.tube))),
    el("p.signatures", {}, el("span", {}, t("boxes.signed-by")), el("span", {}, t("boxes.courier")), el("span", {}, t("boxes.counted"))),
  );
}
