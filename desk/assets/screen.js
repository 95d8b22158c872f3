// What the screen at the entrance says: the supervisor sets the queue and the opening hours.

import { button, closePanel, notice, openPanel, refusedNotice } from "./elements.js";
import { get, post } from "./page/ask.js";
import { el } from "./page/dom.js";
import { t } from "./page/text.js";

export const BANDS = ["clear", "busy", "crowded", "closed"];

export async function openScreen() {
  let shown;
  try {
    shown = await get("/board/figures");
  } catch (error) {
    return refusedNotice(error);
  }
  const hours = el("input", { id: "board-hours", type: "text", maxLength: 40, autocomplete: "off", value: shown.hours });
  const set = async (band) => {
    try {
      await post("/desk/board", { band, hours: hours.value.trim() });
      notice(t("board.set", { band: t(`band.${band}`) }), "good");
      closePanel();
    } catch (error) {
      refusedNotice(error);
    }
  };
  const choice = (band) => {
    const element = button(t(`band.${band}`), () => set(band), `band.${band}${band === shown.band ? ".chosen-band" : ""}`);
    element.setAttribute("aria-pressed", String(band === shown.band));
    return element;
  };
  openPanel(t("board.title"), [
    el("p.hint", {}, t("board.hint")),
    el("label", { for: "board-hours" }, t("board.hours")),
    hours,
    el("h3", {}, t("board.queue")),
    el("div.bands", {}, BANDS.map(choice)),
    el("p", {}, el("a.button", { href: "/board", target: "_blank", rel: "noopener" }, t("board.open"))),
  ]);
}
