// The static code: got once, shown for a month, with or without a network.

import { button } from "./elements.js";
import { card, print, saveImage } from "./card.js";
import { drawing, post } from "./authority.js";
import { keepCode, keptCode } from "./kept.js";
import { el, put } from "./page/dom.js";
import { t } from "./page/text.js";

async function fetchCode(view, tell, renew = false) {
  await tell(async () => {
    const code = await post("/code", { renew });
    keepCode(code);
    show(view, tell);
    view.focus({ preventScroll: true });
    view.scrollTo(0, 0);
  });
}

function renewal(view, tell) {
  const ask = el("details.more", {}, el("summary", {}, t("renew")), el("p", {}, t("renew.why")));
  ask.append(button(t("renew.do"), () => fetchCode(view, tell, true), "danger"));
  return ask;
}

export function show(view, tell) {
  const code = keptCode();
  if (!code) {
    put(
      view,
      el("h1", {}, t("code.title")),
      el("p.lead", {}, t("code.lead")),
      button(t("code.get"), () => fetchCode(view, tell), "strong.big"),
      el("p.hint", {}, t("code.hint")),
    );
    return;
  }
  put(
    view,
    card(
      code,
      t("code.title"),
      el(
        "div.row",
        {},
        button(t("save"), () => tell(() => saveImage(code, t("code.title"))), "strong"),
        button(t("print"), () => tell(() => print(() => drawing("/code/sheet")))),
      ),
      el("p.hint", {}, t("code.offline")),
      renewal(view, tell),
    ),
  );
}

// Somebody who holds a code that was replaced elsewhere gets the new one as soon as there is a network.
export async function refresh(view, tell) {
  const kept = keptCode();
  if (!kept) return;
  const code = await post("/code", {});
  keepCode(code);
  if (code.text !== kept.text) show(view, tell);
}
