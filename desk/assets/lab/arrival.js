// A box that arrived: its count against the system's, and how each of its tubes stands.

import { button, notice, refusedNotice } from "../elements.js";
import { counting, miscounts } from "../count.js";
import { get, post } from "../page/ask.js";
import { $, el, put } from "../page/dom.js";
import { onLanguage, t } from "../page/text.js";
import { play } from "../sound.js";

// { barcode, shown, tubes, scanned }: shown is null for a box that nobody here heard of.
let box = null;
let chosen = () => {};

export const whenChosen = (then) => (chosen = then);

export function show({ shown, tubes }) {
  const scanned = box?.barcode === shown.barcode ? box.scanned : new Set();
  box = { barcode: shown.barcode, shown, tubes, scanned };
  render();
}

export function unknown(barcode) {
  box = { barcode, shown: null, tubes: [], scanned: new Set() };
  render();
}

// A tube was scanned: it is ticked off, or stands out when the box should not hold it.
export function ticked(barcode) {
  if (!box?.shown) return;
  if (box.tubes.some((one) => one.tube === barcode)) box.scanned.add(barcode);
  else notice(t("arrival.not-in", { tube: barcode, box: box.barcode }), "bad");
  render();
}

export async function refresh() {
  if (!box?.shown) return;
  try {
    const found = await get(`/desk/specimens/${encodeURIComponent(box.barcode)}`, { unattended: true });
    if (found.kind === "box") show(found);
  } catch {
    // The next scan says when the node is silent.
  }
}

async function receive(count) {
  try {
    const found = await post("/desk/arrivals", { subject: { box: box.barcode }, count });
    const agrees = found.kind === "box" && found.shown.miscounts.length === 0;
    play(agrees ? "green" : "amber");
    notice(t(agrees ? "arrival.done" : "arrival.done-differs", { box: box.barcode, n: count }), agrees ? "good" : "bad");
    show(found);
  } catch (error) {
    refusedNotice(error);
  }
}

function line(one) {
  const outcome = one.own?.outcome ?? one.line?.result?.outcome;
  return el(
    `tr${box.scanned.has(one.tube) ? ".ticked" : ""}`,
    {},
    el("td", {}, box.scanned.has(one.tube) ? "✓" : ""),
    el("td", {}, button(one.tube, () => chosen(one.tube), "link")),
    el("td", {}, one.line ? `${one.line.count} / ${one.line.pool ?? "?"}` : "?"),
    el("td", {}, outcome ? el(`b.tag.${outcome}`, {}, t(`result.${outcome}`)) : "–"),
  );
}

function render() {
  const card = $("arrival");
  const title = el("h2", { id: "arrival-title" }, t("arrival.title"));
  if (!box) return put(card, title, el("p.hint", {}, t("arrival.hint")));
  const { shown, tubes } = box;
  const received = shown?.received ?? [];
  const read = tubes.filter((one) => one.own).length;
  put(
    card,
    title,
    el("div.tube-barcode", {}, box.barcode),
    shown?.handed_over.filter((one) => one.newest).map((one) => el("p.hint", {}, t("arrival.handed", { to: one.to, n: one.count, operator: one.by.operator }))),
    received.map((one) => el("p.lead", { id: "received" }, t("arrival.received", { n: one.count, operator: one.by.operator }))),
    ...miscounts(shown?.miscounts ?? []),
    !received.length && counting({ id: "arrived", system: shown ? tubes.length : null, action: t("arrival.receive"), counted: receive }),
    received.length > 0 && shown?.miscounts.length > 0 && counting({ id: "arrived", system: tubes.length, action: t("arrival.again"), counted: receive }),
    tubes.length > 0 && el("p.hint", {}, t("arrival.progress", { scanned: box.scanned.size, read, n: tubes.length })),
    tubes.length > 0 && el("table.list", {}, el("thead", {}, el("tr", {}, el("th", {}, el("span.unseen-text", {}, t("arrival.tick"))), ["tube.barcode", "tube.people", "tube.result"].map((key) => el("th", {}, t(key))))), el("tbody", {}, tubes.map(line))),
  );
}

onLanguage(render);
