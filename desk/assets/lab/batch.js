// Results of a plate from a file: every line is judged before any is written, and every line says what became of it.

import { button, openPanel, panelBody, refusedNotice } from "../elements.js";
import { post } from "../page/ask.js";
import { el, put } from "../page/dom.js";
import { t } from "../page/text.js";

const WITHIN_MS = 120_000;

let text = "";
let name = "";
let written = () => {};

export function openBatch(then) {
  written = then;
  openPanel(t("batch.title"), chooser());
}

function chooser() {
  const field = el("input", { id: "batch-file", type: "file", accept: ".csv,.txt,text/csv,text/plain", onchange: () => field.files[0] && choose(field.files[0]) });
  return [el("p.lead", {}, t("batch.hint")), el("pre.keys", {}, "tube,result,stage,reason\n2204090001,negative,final,\n2204090002,阳性,,"), el("label", { for: "batch-file" }, t("batch.file")), field, el("div", { id: "batch-lines" })];
}

// Spreadsheets of the field write UTF-8 or GB 18030.
async function choose(file) {
  const bytes = await file.arrayBuffer();
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    text = new TextDecoder("gb18030").decode(bytes);
  }
  name = file.name;
  await send({});
}

async function send(how) {
  const place = panelBody()?.querySelector("#batch-lines");
  if (place) put(place, el("p", { role: "status" }, t("loading")));
  try {
    const judged = await post("/desk/batch", { text, ...how }, { within: WITHIN_MS });
    show(judged, Boolean(how.go));
    if (judged.written) written();
  } catch (error) {
    if (place) put(place);
    refusedNotice(error);
  }
}

function line(one) {
  return el(
    `tr.${one.fate}`,
    {},
    el("td", {}, String(one.number)),
    el("td", {}, one.tube),
    el("td", {}, one.outcome ? el(`b.tag.${one.outcome}`, {}, t(`result.${one.outcome}`)) : "–"),
    el("td", {}, one.error ? `${t(`batch.error.${one.error}`)}${one.error === "refused" ? ` ${one.words}` : ""}` : t(`batch.fate.${one.fate}`)),
  );
}

function show({ lines, bad, written, broken_off: broken }, gone) {
  const place = panelBody()?.querySelector("#batch-lines");
  if (!place) return;
  const good = lines.filter((one) => one.fate === "report" || one.fate === "correct").length;
  const words = broken ? t("batch.broken", { written, why: broken }) : written ? t("batch.written", { written, bad }) : gone || (!good && !bad) ? t("batch.nothing") : t("batch.judged", { good, bad, n: lines.length });
  // What needs a person comes first.
  const sorted = [...lines].sort((a, b) => (b.fate === "bad") - (a.fate === "bad") || a.number - b.number);
  put(
    place,
    el(`p.lead.said.${bad || broken ? "bad" : "good"}`, { role: "status", id: "batch-said" }, `${name} · ${words}`),
    !written && good > 0 && el("div.row", {}, button(bad ? t("batch.go-without", { good, bad }) : t("batch.go", { n: good }), () => send({ go: true, leave_bad: bad > 0 }), bad ? "" : "strong")),
    broken && el("div.row", {}, button(t("batch.again"), () => send({ go: true, leave_bad: true }), "strong")),
    el("table.list", {}, el("thead", {}, el("tr", {}, ["batch.line", "tube.barcode", "tube.result", "batch.fate"].map((key) => el("th", {}, t(key))))), el("tbody", {}, sorted.map(line))),
  );
}
