// What a person must decide: every flag with its owner and what can be done here. Nothing disappears.

import { button, openPanel, panelBody, refusedNotice } from "./elements.js";
import { get } from "./page/ask.js";
import { el } from "./page/dom.js";
import { t } from "./page/text.js";
import { dayAndTime } from "./time.js";

// `look` shows a tube.
export async function openInbox(look) {
  openPanel(t("inbox.title"), [el("p", {}, t("loading"))]);
  try {
    const flags = await get("/desk/inbox");
    panelBody()?.replaceChildren(
      flags.length ? el("ul.advice", {}, flags.map((flag) => one(flag, look))) : el("p.lead", {}, t("inbox.none")),
    );
  } catch (error) {
    refusedNotice(error);
  }
}

function one(flag, look) {
  const tube = flag.about.tube;
  const when = flag.parties.map((party) => dayAndTime(party.at)).join(t("comma"));
  return el(
    `li.${flag.ours ? "act" : "look"}`,
    {},
    el("b", {}, t(`flag.${flag.kind}`), tube ? ` · ${tube}` : ""),
    el("p", {}, t(`flag.${flag.kind}.do`)),
    el("p.hint", {}, `${flag.ours ? t("inbox.ours") : t("inbox.authority")} · ${when}`),
    tube ? button(t("inbox.tube"), () => look(tube), "choice") : null,
  );
}

export async function count() {
  try {
    return (await get("/desk/inbox", { unattended: true })).length;
  } catch {
    return null;
  }
}
