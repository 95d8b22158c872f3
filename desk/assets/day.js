// The end of the day: what was done, what is still only here, and a sheet of paper that says so.

import { parts } from "./bundle.js";
import { button, openPanel, panelBody, refusedNotice } from "./elements.js";
import { get } from "./page/ask.js";
import { el, put } from "./page/dom.js";
import { t } from "./page/text.js";
import { clockTime } from "./page/time.js";
import { printOut } from "./print.js";
import { desk } from "./state.js";
import { date } from "./time.js";

const WITHIN_MS = 60_000;

export async function openDay() {
  openPanel(t("day.title"), [el("p", {}, t("loading"))]);
  try {
    const day = await get("/desk/day", { within: WITHIN_MS });
    const body = panelBody();
    if (body) put(body, ...report(day), button(t("day.print"), () => print(day), "strong"), ...parts());
  } catch (error) {
    refusedNotice(error);
  }
}

const table = (heads, lines) => el("table.list", {}, el("thead", {}, el("tr", {}, heads.map((key) => el("th", {}, t(key))))), el("tbody", {}, lines.map((cells) => el("tr", {}, cells.map((cell) => el("td", {}, String(cell)))))));

const most = (counts) => Object.entries(counts).sort((a, b) => b[1] - a[1]);

function warnings(day) {
  const open = day.tubes.filter((one) => !one.sealed);
  const loose = day.tubes.filter((one) => one.sealed && !one.boxes.length);
  const names = (list) => list.slice(0, 8).map((one) => one.tube).join(t("comma"));
  return [
    day.own.only_here > 0 && el("li.act", {}, t("day.only-here", { n: day.own.only_here })),
    open.length > 0 && el("li.look", {}, t("day.open", { n: open.length, tubes: names(open) })),
    loose.length > 0 && el("li.look", {}, t("day.loose", { n: loose.length, tubes: names(loose) })),
    !day.own.only_here && !open.length && !loose.length && el("li", {}, t("day.clean")),
  ];
}

function hours(day) {
  const busiest = Math.max(1, ...day.by_hour);
  const worked = day.by_hour.map((n, hour) => [hour, n]).filter(([, n]) => n > 0);
  return el("ul.hours", {}, worked.map(([hour, n]) => el("li", {}, el("span", {}, t("day.hour", { hour })), el("meter", { min: "0", max: String(busiest), value: String(n), "aria-label": t("day.hour", { hour }) }), el("b", {}, String(n)))));
}

function report(day) {
  const state = (one) => (one.boxes.length ? t("day.in-box", { box: one.boxes.join(t("comma")) }) : one.sealed ? t("tube.state.sealed") : t("tube.state.open"));
  return [
    el("p.day-people", {}, el("b", { id: "day-people" }, String(day.people)), el("span", {}, t("day.people", { tubes: day.tubes.length, voided: day.voided }))),
    el("ul.advice", {}, ...warnings(day).filter(Boolean)),
    el("dl.copies", {}, ["only_here", "at_neighbour", "at_authority"].map((key) => el(`div.copy.${!day.held[key] || key === "at_authority" ? "safe" : key === "only_here" ? "risk" : "half"}`, {}, el("dt", {}, t(`safety.${key.replace("at_", "").replace("_", "-")}`)), el("dd", {}, String(day.held[key]))))),
    el("h3", {}, t("day.tubes")),
    table(["tube.barcode", "tube.people", "tube.state", "safety.only-here"], day.tubes.map((one) => [one.tube, `${one.count} / ${one.pool ?? "?"}`, state(one), one.only_here])),
    el("h3", {}, t("day.routes")),
    table(["day.route", "tube.people"], most(day.routes).map(([route, n]) => [t(`route.${route}`), n])),
    el("h3", {}, t("day.operators")),
    table(["day.operator", "tube.people"], most(day.operators)),
    el("h3", {}, t("day.hours")),
    el("p.hint", {}, t("day.rate", { rate: (day.rate_tenths / 10).toFixed(1) })),
    hours(day),
  ];
}

function print(day) {
  printOut(
    el("h1", {}, `${t("day.title")} · ${desk.site}`),
    el("p", {}, `${date(day.now)} ${clockTime(day.now)} · ${desk.operator}`),
    ...report(day),
    el("p.signatures", {}, el("span", {}, t("duty.supervisor")), el("span", {}, t("boxes.courier"))),
  );
}
