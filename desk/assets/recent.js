// The newest registrations: undone for five minutes by one tap, later with a reason.

import { button, closePanel, notice, openPanel, reasons, refusedNotice } from "./elements.js";
import { get, post } from "./page/ask.js";
import { $, el, put } from "./page/dom.js";
import { onLanguage, t } from "./page/text.js";
import { clockTime } from "./page/time.js";
import { desk } from "./state.js";
import { refresh as refreshTube } from "./tube.js";

const LINES = 12;
const UNDO_MS = 300_000;

let lines = [];

function render() {
  const card = $("recent");
  const last = lines.find((line) => line.standing === "counts" && line.operator === desk.operator);
  const undoable = last && Date.now() - last.at < UNDO_MS;
  put(
    card,
    el(
      "div.card-head",
      {},
      el("h2", { id: "recent-title" }, t("recent.title")),
      button(undoable ? t("undo.last", { name: last.name }) : t("undo"), () => undo(last), "undo"),
    ),
    lines.length ? el("ol.people", {}, lines.map(one)) : el("p.hint", {}, t("recent.none")),
  );
  card.querySelector(".undo").disabled = !undoable;
}

function one(line) {
  const counts = line.standing === "counts";
  return el(
    `li${counts ? "" : ".struck"}`,
    {},
    el("time", {}, clockTime(line.at)),
    el("span.person", {}, `${line.name} `, el("b", {}, line.last_four)),
    el("small", {}, counts ? line.tube : line.standing === "moved" ? t("recent.moved", { tube: line.moved_to }) : t("recent.voided")),
    counts ? button(t("correct"), () => correct(line), "quiet") : null,
  );
}

async function undo(line) {
  try {
    await post("/desk/corrections/undo", { registration: line.registration, tube: line.tube });
    notice(t("undo.done", { name: line.name }), "good");
  } catch (error) {
    refusedNotice(error);
  }
  await refresh();
  await refreshTube();
}

const FIELDS = ["name", "last-four", "remark"];

function correct(line) {
  const field = el("select", { id: "amend-field" }, FIELDS.map((name) => el("option", { value: name }, t(`amend.${name}`))));
  const value = el("input", { type: "text", id: "amend-value", maxLength: 20, autocomplete: "off" });
  const send = async (path, body) => {
    try {
      await post(path, { registration: line.registration, tube: line.tube, ...body });
      notice(t("correct.done"), "good");
      closePanel();
      await refresh();
      await refreshTube();
    } catch (error) {
      refusedNotice(error);
    }
  };
  openPanel(`${line.name} ${line.last_four}`, [
    el("p.lead", {}, t("recent.line", { at: clockTime(line.at), tube: line.tube, operator: line.operator, route: t(`route.${line.route}`) })),
    el("h3", {}, t("void.title")),
    el("p.hint", {}, t("void.hint")),
    reasons(["why.wrong-person", "why.not-sampled", "why.registered-twice"], (reason) => send("/desk/corrections/void", { reason })),
    el("h3", {}, t("amend.title")),
    el("label", { for: "amend-field" }, t("amend.field")),
    field,
    el("label", { for: "amend-value" }, t("amend.value")),
    value,
    reasons(["why.misread"], (reason) => value.value.trim() && send("/desk/corrections/amend", { field: field.value, value: value.value.trim(), reason })),
  ]);
}

export async function refresh() {
  try {
    lines = await get(`/desk/registrations?limit=${LINES}`, { unattended: true });
    render();
  } catch {
    // The queue says when the node is silent.
  }
}

onLanguage(render);
