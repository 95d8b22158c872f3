// The tube in the hand: what is known of it, and four keys that say what was read.

import { button, closePanel, notice, openPanel, reasons, refusedNotice } from "../elements.js";
import { letters } from "./key.js";
import { Refused, get, post } from "../page/ask.js";
import { $, el, put } from "../page/dom.js";
import { onLanguage, t } from "../page/text.js";
import { clockTime } from "../page/time.js";
import { play } from "../sound.js";

const OUTCOMES = ["negative", "positive", "inconclusive", "invalid"];
const STAGES = ["final", "preliminary"];
const SOUNDS = { negative: "green", positive: "red", inconclusive: "amber", invalid: "amber" };
const WHY_CORRECTED = ["why.misread-plate", "why.wrong-well", "why.tested-again"];
const LOG_LINES = 14;

// { barcode, shown, own, people, said }: absent while no tube was scanned.
let tube = null;
let question = null;
let stage = "final";
let log = [];
let pressed = () => {};
let reported = () => {};

export const whenPressed = (then) => (pressed = then);
export const whenReported = (then) => (reported = then);

export function clear() {
  tube = null;
  question = null;
  render();
}

export const again = () => render();

export function unknown(barcode, choices) {
  question = { barcode, choices };
  play("amber");
  render();
}

export async function show(barcode, { shown = null, own = null }) {
  question = null;
  tube = { barcode, shown, own, people: null };
  render();
  if (shown?.verdict?.outcome === "positive") await people();
}

async function people() {
  const of = tube;
  const pool = await get(`/desk/pools/${encodeURIComponent(of.barcode)}`);
  of.people = pool.people;
  if (tube === of) render();
}

export function silent(waiting) {
  $("announce").textContent = t("lab.silent", { n: waiting });
  notice(t("lab.silent", { n: waiting }), "bad");
}

// Says what was read of the tube in the hand.
export async function report(outcome) {
  if (!tube) return notice(t("lab.first"), "bad");
  const of = tube;
  try {
    const answer = await post(`/desk/results/${encodeURIComponent(of.barcode)}`, { outcome, stage });
    await settled(of, { outcome, stage }, answer.already ? "lab.already" : "lab.reported");
  } catch (error) {
    if (!(error instanceof Refused) || error.name !== "reported-already") throw error;
    play("amber");
    correct(of.barcode, outcome);
  }
}

async function settled(of, own, words) {
  play(SOUNDS[own.outcome]);
  of.own = own;
  log = [{ at: Date.now(), barcode: of.barcode, ...own }, ...log].slice(0, LOG_LINES);
  $("announce").textContent = t(words, { tube: of.barcode, outcome: t(`result.${own.outcome}`) });
  if (own.outcome === "positive" && of === tube) await people();
  render();
  reported();
}

// Takes a reading back: nothing that was said is erased.
function correct(barcode, wanted) {
  const outcome = el("select", { id: "correct-outcome" }, OUTCOMES.map((one) => el("option", { value: one, selected: one === wanted }, t(`result.${one}`))));
  const send = async (reason) => {
    try {
      await post(`/desk/results/${encodeURIComponent(barcode)}/correct`, { outcome: outcome.value, reason });
      notice(t("lab.corrected", { tube: barcode, outcome: t(`result.${outcome.value}`) }), "good");
      closePanel();
      const of = tube?.barcode === barcode ? tube : { barcode };
      await settled(of, { outcome: outcome.value, stage: "corrected" }, "lab.reported");
    } catch (error) {
      refusedNotice(error);
    }
  };
  openPanel(t("lab.correct", { tube: barcode }), [
    el("p.lead", {}, t("lab.correct.what")),
    el("label", { for: "correct-outcome" }, t("lab.correct.outcome")),
    outcome,
    el("h3", {}, t("lab.correct.why")),
    reasons(WHY_CORRECTED, send),
  ]);
}

async function receiveAlone() {
  const of = tube;
  try {
    const found = await post("/desk/arrivals", { subject: { tube: of.barcode }, count: 1 });
    Object.assign(of, { shown: found.shown ?? null });
    notice(t("arrival.tube", { tube: of.barcode }), "good");
    render();
  } catch (error) {
    refusedNotice(error);
  }
}

function head() {
  if (question) return [el("div.tube-barcode", {}, question.barcode), el("p.tube-full", {}, t("lab.unknown")), el("div.row", {}, button(t("lab.is-box"), question.choices.box, "strong"), button(t("lab.is-tube"), question.choices.tube))];
  if (!tube) return [el("p.scan-hint", {}, t("lab.scan"))];
  const { shown, own } = tube;
  const facts = shown ? `${t("lab.people", { n: shown.count })} · ${shown.seals.length ? t("tube.state.sealed") : t("tube.state.open")}${shown.boxes.length ? ` · ${t("boxes.box")} ${shown.boxes.map((claim) => claim.value).join(t("comma"))}` : ""}` : t("lab.tube-unknown");
  return [
    el("div.tube-barcode", {}, tube.barcode),
    el("p.hint", {}, facts),
    own
      ? el(`div.said-result.${own.outcome}`, { id: "said" }, el("b", {}, t(`result.${own.outcome}`)), el("span", {}, t(`stage.${own.stage}`)), button(t("lab.take-back"), () => correct(tube.barcode, own.outcome), "quiet"))
      : el("p.said-none", {}, t("lab.not-yet")),
    shown?.verdict?.disputed && el("p.tube-full", {}, t("lab.disputed")),
    shown && !shown.received.length && !shown.boxes.length && button(t("arrival.alone"), receiveAlone, "quiet"),
  ];
}

function keys() {
  return el(
    "div.outcomes",
    {},
    OUTCOMES.map((outcome) => {
      const key = el(`button.outcome.${outcome}`, { type: "button", onclick: () => pressed(outcome) }, el("kbd", {}, letters[outcome]), el("span", {}, t(`result.${outcome}`)));
      key.disabled = !tube;
      return key;
    }),
  );
}

function stages() {
  const choice = (one) => {
    const element = button(t(`stage.${one}`), () => ((stage = one), render()), one === stage ? "chosen" : "");
    element.setAttribute("aria-pressed", String(one === stage));
    return element;
  };
  return el("fieldset.pools", {}, el("legend", {}, t("stage")), STAGES.map(choice));
}

const retest = ({ retest }) => t(`retest.${retest.state}`, { tube: retest.tube ?? "" });

function roll() {
  // A tube of one is its own test: nobody is called again.
  if (!tube?.people?.length) return null;
  const one = (line) => el("li", {}, el("span.person", {}, line.name ? `${line.name} ` : "…", el("b", {}, line.last_four ?? "")), line.late && el("small", {}, t("lab.late")), el("small", {}, retest(line)));
  return el("div.roll", {}, el("h3", {}, t("lab.pool", { n: tube.people.length })), el("p.hint", {}, t("lab.pool.hint")), el("ul.people", {}, tube.people.map(one)));
}

function render() {
  put($("reading"), el("h2", { id: "reading-title" }, t("lab.tube")), ...head(), keys(), stages(), roll());
  const list = $("log");
  if (!list) return;
  const line = (one) => el("li", {}, el("time", {}, clockTime(one.at)), el("span.person", {}, one.barcode), el(`b.tag.${one.outcome}`, {}, t(`result.${one.outcome}`)), button(t("correct"), () => correct(one.barcode, one.outcome), "quiet"));
  put(list, log.length ? el("ol.people", {}, log.map(line)) : el("p.hint", {}, t("lab.done.none")));
}

onLanguage(render);
