// The screen at the entrance: read from ten metres away, in both languages, without anybody's name.

import { get } from "./page/ask.js";
import { $, drawn, el, put } from "./page/dom.js";
import { inBoth } from "./page/text.js";
import { clockTime } from "./page/time.js";

const EVERY_MS = 5000;
const STALE_AFTER_MS = 30_000;

let known = null;
let heardAt = 0;

const both = (key, holes, tag = "p") => {
  const [chinese, english] = inBoth(key, holes);
  return el(`${tag}.both`, {}, el("span", { lang: "zh-CN" }, chinese), el("small", { lang: "en" }, english));
};

function figure(key, words) {
  return el("div.figure", {}, both(key), el("b", {}, words));
}

function hours() {
  const busiest = Math.max(1, ...known.by_hour);
  const worked = known.by_hour.map((n, hour) => [hour, n]);
  const first = Math.min(7, worked.find(([, n]) => n)?.[0] ?? 7);
  const bar = ([hour, n]) => {
    const height = (100 * n) / busiest;
    const column = drawn("rect", { x: 0, y: 100 - height, width: 10, height });
    const svg = drawn("svg", { viewBox: "0 0 10 100", preserveAspectRatio: "none", "aria-hidden": "true" }, column);
    return el("li", {}, el("b", {}, n ? String(n) : ""), svg, el("span", {}, String(hour)));
  };
  return el("ol.bars", {}, worked.slice(first, Math.max(19, known.by_hour.findLastIndex((n) => n) + 1)).map(bar));
}

function render() {
  const board = $("board");
  if (!known) return put(board, both("board.waiting"));
  document.title = known.site;
  const stale = Date.now() - heardAt > STALE_AFTER_MS;
  board.className = `board ${known.band}`;
  put(
    board,
    el("header", {}, el("h1", {}, known.site), el("time", {}, clockTime(known.now).slice(0, 5))),
    el("section.band", {}, both(`band.${known.band}`, {}, "h2"), both(`band.${known.band}.say`)),
    el("section.figures", {}, figure("board.people", String(known.people)), figure("board.rate", (known.rate_tenths / 10).toFixed(1)), known.hours && figure("board.hours", known.hours)),
    el("section.hours", {}, both("board.by-hour"), hours()),
    stale && both("board.stale", { at: clockTime(heardAt) }),
  );
}

async function refresh() {
  try {
    known = await get("/board/figures", { unattended: true });
    heardAt = Date.now();
  } catch {
    // The screen itself says how old it is.
  }
  render();
}

refresh();
setInterval(refresh, EVERY_MS);
