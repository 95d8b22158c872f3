// The verdict: the whole screen, a colour, a word, a symbol, a sound; and never in the way of the next scan.

import { button, reasons, symbol } from "./elements.js";
import { $, el, put } from "./page/dom.js";
import { current, has, onLanguage, t } from "./page/text.js";
import { clockTime } from "./page/time.js";
import { play } from "./sound.js";
import { desk } from "./state.js";
import { dayAndTime } from "./time.js";

const GREEN_STAYS_MS = 2500;
const WHY_AGAIN = ["why.second-swab", "why.spoiled", "why.wrong-tube", "why.other-person"];
const WHY_FULL = ["why.family", "why.miscounted"];

let shown = null;
let leaving = null;

const name = (person) => (person.name ? el("div.v-name", {}, el("span", {}, person.name), el("b", {}, person.last_four)) : null);

function count(tube) {
  if (!tube) return null;
  return el("div.v-count", {}, el("span", {}, tube.barcode), el("b", {}, `${tube.count} / ${tube.pool}`));
}

function render() {
  if (!shown) return;
  const { colour, title, what, next, person, earlier, actions, tube, late } = shown;
  const box = $("verdict");
  box.className = `verdict ${colour}`;
  put(
    box,
    el(
      "div.v-main",
      {},
      el("div.v-head", {}, symbol(colour), el("h2", { id: "verdict-title" }, t(title))),
      person && name(person),
      el("p.v-what", {}, what()),
      next() && el("p.v-next", {}, next()),
      earlier?.length > 0 && el("ul.v-earlier", {}, earlier.map(one)),
      late && el("p.v-next", {}, t("verdict.after-silence")),
      actions && el("div.v-actions", {}, actions()),
    ),
    el("div.v-foot", {}, count(tube), button(t("verdict.dismiss"), dismiss, "quiet")),
  );
  box.hidden = false;
}

function one(earlier) {
  const here = earlier.site === desk.site ? t("earlier.here") : earlier.site;
  return el("li", {}, t("earlier", { when: dayAndTime(earlier.at), site: here, operator: earlier.operator, tube: earlier.tube }));
}

// Shows a verdict, or whatever else the operator must see before the next person.
export function show(verdict) {
  clearTimeout(leaving);
  shown = { next: () => "", ...verdict };
  render();
  play(verdict.sound ?? verdict.colour);
  const person = verdict.person?.name ? `${verdict.person.name} ${verdict.person.last_four}` : "";
  $("announce").textContent = [t(verdict.title), person, verdict.what(), shown.next()].filter(Boolean).join(" · ");
  if (verdict.colour === "green") leaving = setTimeout(dismiss, GREEN_STAYS_MS);
}

export function dismiss() {
  clearTimeout(leaving);
  shown = null;
  $("verdict").hidden = true;
}

export const isShown = () => shown !== null;

// A registration's verdict. `again(reason)` repeats it with a reason; `routes()` opens the other routes.
export function judged(answer, { again, routes, late = false }) {
  const key = answer.reason;
  const what = () => (has(`reason.${key}`) ? t(`reason.${key}`) : answer.words);
  const refused = answer.verdict === "red";
  const title = refused ? "verdict.red" : answer.needs_reason ? "verdict.question" : answer.verdict === "amber" ? "verdict.amber" : "verdict.green";
  show({
    colour: answer.verdict,
    title,
    person: { name: answer.name, last_four: answer.last_four },
    what: () => [key === "ok" ? t("registered") : what(), ...documentWarnings(answer)].join(" · "),
    next: () => (key === "ok" ? "" : has(`next.${key}`) ? t(`next.${key}`) : answer.what_to_do),
    earlier: answer.earlier,
    late,
    tube: answer.pool ? { barcode: answer.tube, count: answer.count, pool: answer.pool } : desk.tube,
    actions: answer.needs_reason
      ? () => [el("h3", {}, t("go-on-because")), reasons(WHY_AGAIN, again)]
      : refused
        ? () => [button(t("routes.other"), routes, "choice")]
        : null,
  });
}

const documentWarnings = (answer) => (current() === "en" ? (answer.document_warnings ?? []) : answer.document_warnings?.length ? [t("document.unusual")] : []);

// The node refused for a reason that has nothing to do with the person: no tube, a full one, a full disk.
export function refused(error, { again, seal, routes }) {
  const full = error.name === "tube-full";
  show({
    colour: error.status >= 500 || error.name === "document" ? "red" : "amber",
    title: error.status >= 500 ? "verdict.not-done" : "verdict.wait",
    what: () => error.words.what,
    next: () => error.words.next,
    tube: desk.tube,
    actions: full
      ? () => [
          button(t("tube.seal-full"), seal, "choice"),
          el("h3", {}, t("go-on-because")),
          reasons(WHY_FULL, again),
        ]
      : error.name === "document" || error.name === "not-found"
        ? () => [button(t("routes.other"), routes, "choice")]
        : null,
  });
}

// This desk fills another tube from now on.
export function tubeTaken(taken, { back, sealLeft }) {
  const elsewhere = taken.warnings.includes("opened-elsewhere");
  const doubtful = elsewhere || taken.left;
  show({
    colour: doubtful ? "amber" : "green",
    sound: doubtful ? "amber" : "tube",
    title: elsewhere ? "tube.elsewhere" : taken.left ? "tube.left-open" : taken.opened ? "tube.opened" : "tube.back",
    what: () =>
      elsewhere
        ? t("tube.elsewhere.what", { tube: taken.tube })
        : taken.left
          ? t("tube.left-open.what", { tube: taken.left.tube, count: taken.left.count, pool: taken.left.pool })
          : t("tube.opened.what", { tube: taken.tube, pool: taken.pool }),
    next: () => (elsewhere ? t("tube.elsewhere.next") : taken.sealed ? t("tube.sealed-before", { tube: taken.sealed }) : ""),
    tube: { barcode: taken.tube, count: taken.count, pool: taken.pool },
    actions: taken.left
      ? () => [
          button(t("tube.back-to", { tube: taken.left.tube }), () => back(taken.left), "choice"),
          button(t("tube.seal-left", { count: taken.left.count, pool: taken.left.pool }), () => sealLeft(taken.left), "choice"),
        ]
      : null,
  });
}

// The node does not answer: nobody is registered until it does.
export function silent(waiting) {
  show({
    colour: "red",
    title: "silent.title",
    what: () => t("silent.what", { n: waiting }),
    next: () => t("silent.next", { at: clockTime(Date.now()) }),
    tube: desk.tube,
  });
}

onLanguage(render);
addEventListener("keydown", (event) => event.key === "Escape" && dismiss());
