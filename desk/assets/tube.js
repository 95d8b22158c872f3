// The tube this desk fills: a number that is read from two metres away.

import { button, closePanel, notice, openPanel, panelBody, reasons, refusedNotice } from "./elements.js";
import { Refused, get, post } from "./page/ask.js";
import { $, el, put } from "./page/dom.js";
import { onLanguage, t } from "./page/text.js";
import { change, desk, keptTube, onChange, pools } from "./state.js";
import { dayAndTime, msOf } from "./time.js";

const SHOWN_TUBES = 100;

function render() {
  const { tube, pool } = desk;
  const card = $("tube");
  const full = tube && tube.count >= tube.pool;
  card.className = `card tube${tube ? (full ? " is-full" : "") : " is-none"}`;
  put(
    card,
    el(
      "div.card-head",
      {},
      el("h2", { id: "tube-title" }, t("tube.title")),
      button(t("tube.all"), allTubes, "quiet"),
    ),
    tube ? el("div.tube-barcode", {}, tube.barcode) : el("p.tube-none", {}, t("tube.none")),
    el(
      "div.tube-count",
      { "aria-label": tube ? t("tube.count", { count: tube.count, pool: tube.pool }) : t("tube.none") },
      el(tube ? "b" : "b.none", {}, tube ? String(tube.count) : "–"),
      el("span", {}, ` / ${tube ? tube.pool : pool}`),
    ),
    el(
      "div.tube-places",
      { "aria-hidden": "true" },
      Array.from({ length: tube ? tube.pool : pool }, (_, at) => el(`i${tube && at < tube.count ? ".taken" : ""}`)),
    ),
    full && el("p.tube-full", {}, tube.count > tube.pool ? t("tube.over") : t("tube.full")),
    el(
      "div.row",
      {},
      button(t("tube.seal"), sealCurrent, full ? "strong" : ""),
      button(t("tube.type"), typeBarcode),
    ),
    el("fieldset.pools", {}, el("legend", {}, t("tube.pool")), pools.map(poolChoice)),
  );
  card.querySelector(".row button").disabled = !tube;
}

function poolChoice(pool) {
  const chosen = desk.pool === pool;
  const choice = button(String(pool), () => change({ pool }), chosen ? "chosen" : "");
  choice.setAttribute("aria-pressed", String(chosen));
  choice.setAttribute("aria-label", t("tube.pool-of", { n: pool }));
  return choice;
}

export function typeBarcode() {
  const field = el("input", { type: "text", id: "barcode", maxLength: 32, autocomplete: "off", autocapitalize: "characters", required: true });
  openPanel(t("tube.type"), [
    el(
      "form.form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          open(field.value.trim());
        },
      },
      el("label", { for: "barcode" }, t("tube.barcode")),
      field,
      el("button.strong", { type: "submit" }, t("tube.open")),
    ),
  ]);
}

async function open(barcode) {
  try {
    const taken = await post("/desk/tubes", { tube: barcode, pool: desk.pool, before: desk.tube?.barcode ?? null });
    change({ tube: { barcode: taken.tube, count: taken.count, pool: taken.pool } });
    closePanel();
  } catch (error) {
    refusedNotice(error);
  }
}

export async function seal(tube, notFull) {
  await post(`/desk/tubes/${encodeURIComponent(tube)}/seal`, { not_full: notFull });
  notice(t("tube.sealed", { tube }), "good");
  if (desk.tube?.barcode === tube) change({ tube: null });
}

export async function sealCurrent() {
  const tube = desk.tube;
  if (!tube) return;
  if (tube.count < tube.pool) {
    openPanel(t("tube.not-full"), [
      el("p", {}, t("tube.not-full.what", tube)),
      el(
        "div.row",
        {},
        button(t("tube.seal-anyway"), () => (closePanel(), sealNow(tube.barcode)), "strong"),
        button(t("tube.go-on"), closePanel),
      ),
    ]);
    return;
  }
  await sealNow(tube.barcode);
}

async function sealNow(barcode) {
  try {
    await seal(barcode, true);
  } catch (error) {
    refusedNotice(error);
  }
}

export async function refresh(barcode = desk.tube?.barcode ?? keptTube()) {
  if (!barcode) return;
  try {
    const shown = await get(`/desk/tubes/${encodeURIComponent(barcode)}`, { unattended: true });
    const open = shown.seals.length === 0;
    change({ tube: open ? { barcode: shown.barcode, count: shown.count, pool: shown.pool } : null });
  } catch (error) {
    if (error instanceof Refused && error.status === 404) change({ tube: null });
  }
}

async function allTubes() {
  openPanel(t("tube.all"), [el("p", {}, t("loading"))]);
  try {
    const lines = await get(`/desk/tubes?limit=${SHOWN_TUBES}`);
    panelBody()?.replaceChildren(
      el("table.list", {}, el("thead", {}, el("tr", {}, ["tube.barcode", "tube.people", "tube.state", "tube.result"].map((key) => el("th", {}, t(key))))),
        el("tbody", {}, lines.map(tubeLine))),
    );
  } catch (error) {
    refusedNotice(error);
  }
}

function tubeLine(line) {
  const state = line.sealed ? t("tube.state.sealed") : t("tube.state.open");
  return el(
    "tr",
    {},
    el("td", {}, button(line.tube, () => oneTube(line.tube), "link")),
    el("td", {}, `${line.count} / ${line.pool ?? "?"}`),
    el("td", {}, line.conflicts ? t("tube.state.conflict", { n: line.conflicts }) : state),
    el("td", {}, line.result ? t(`result.${line.result}`) : "–"),
  );
}

async function reopen(barcode, reason) {
  try {
    await post(`/desk/tubes/${encodeURIComponent(barcode)}/reopen`, { reason });
    notice(t("tube.reopened", { tube: barcode }), "good");
    oneTube(barcode);
  } catch (error) {
    refusedNotice(error);
  }
}

// A tube with its people: where registrations of a wrong tube are moved in bulk.
export async function oneTube(barcode) {
  let shown;
  try {
    shown = await get(`/desk/tubes/${encodeURIComponent(barcode)}`);
  } catch (error) {
    refusedNotice(error);
    return;
  }
  const chosen = new Set();
  const members = shown.members.filter((member) => member.counts);
  const line = (member) => {
    const box = el("input", { type: "checkbox", onchange: (event) => (event.target.checked ? chosen.add(member.registration) : chosen.delete(member.registration)) });
    const of = member.registered;
    return el("li", {}, el("label.check", {}, box, el("span", {}, of ? `${of.name} ${of.last_four}` : "…"), el("small", {}, of?.by.operator ?? "")));
  };
  const to = el("input", { type: "text", maxLength: 32, id: "move-to", autocomplete: "off" });
  const moved = async (reason) => {
    if (!to.value.trim()) return to.focus();
    try {
      await post(`/desk/tubes/${encodeURIComponent(barcode)}/move`, { to: to.value.trim(), registrations: [...chosen], reason });
      notice(t("move.done", { n: chosen.size || members.length, tube: to.value.trim().toUpperCase() }), "good");
      closePanel();
      refresh();
    } catch (error) {
      refusedNotice(error);
    }
  };
  const sealed = shown.seals.length > 0;
  openPanel(`${t("tube.title")} ${shown.barcode}`, [
    el("p.lead", {}, `${shown.count} / ${shown.pool ?? "?"} · ${sealed ? t("tube.state.sealed") : t("tube.state.open")}`),
    shown.reopened.map(({ reason, by }) => el("p.hint", {}, t("tube.reopened-by", { who: by.operator, at: dayAndTime(msOf(by.stamp)), reason }))),
    el("ul.people", {}, members.map(line)),
    members.length > 0 && el("h3", {}, t("move.title")),
    members.length > 0 && el("p.hint", {}, t("move.hint")),
    members.length > 0 && el("label", { for: "move-to" }, t("move.to")),
    members.length > 0 && to,
    members.length > 0 && reasons(["why.wrong-tube", "why.tube-damaged"], moved),
    sealed && [
      el("h3", {}, t("tube.reopen")),
      el("p.hint", {}, t("tube.reopen.hint")),
      reasons(["why.sealed-early", "why.miscounted"], (reason) => reopen(barcode, reason)),
    ],
  ]);
}

onChange(render);
onLanguage(render);
