// What a person must decide: every flag with its owner and what can be done here. Nothing disappears: what somebody
// looked at moves down, what was settled stays below with whoever decided it.

import { button, notice, openPanel, panelBody, reasons, refusedNotice } from "./elements.js";
import { get, post } from "./page/ask.js";
import { el, put } from "./page/dom.js";
import { t } from "./page/text.js";
import { dayAndTime } from "./time.js";

let lookAt = () => {};

// `look` shows a tube.
export async function openInbox(look) {
  lookAt = look;
  openPanel(t("inbox.title"), [el("p", {}, t("loading"))]);
  await shown(() => get("/desk/inbox"));
}

async function shown(ask) {
  try {
    const flags = await ask();
    const body = panelBody();
    if (body) put(body, ...list(flags));
  } catch (error) {
    refusedNotice(error);
  }
}

const isOpen = (flag) => flag.state === "open";

function list(flags) {
  const settled = flags.filter((flag) => !isOpen(flag));
  return [
    flags.some(isOpen) ? el("ul.advice.flags", {}, flags.filter(isOpen).map(one)) : el("p.lead", {}, t("inbox.none")),
    settled.length > 0 && el("h3", {}, t("inbox.settled")),
    settled.length > 0 && el("ul.advice.settled", {}, settled.map(one)),
  ];
}

function one(flag) {
  const tube = flag.about.tube;
  // Registrations say when they were by themselves.
  const when = flag.registrations.length ? "" : ` · ${flag.parties.map((party) => dayAndTime(party.at)).join(t("comma"))}`;
  const open = isOpen(flag);
  return el(
    `li.${open ? (flag.ours ? "act" : "look") : "past"}`,
    {},
    el("b", {}, t(`flag.${flag.kind}`), tube ? ` · ${tube}` : ""),
    open && el("p", {}, t(`flag.${flag.kind}.do`)),
    el("p.hint", {}, `${flag.ours ? t("inbox.ours") : t("inbox.authority")}${when}`),
    flag.registrations.length > 0 && el("ul.people", {}, flag.registrations.map((of) => registration(of, open))),
    flag.decision ? el("p", {}, decided(flag.decision)) : !open && el("p", {}, t("inbox.over")),
    flag.seen && el("p.hint", {}, t("inbox.seen-by", { who: flag.seen.by, at: dayAndTime(flag.seen.at) })),
    el(
      "div.row",
      {},
      tube ? button(t("inbox.tube"), () => lookAt(tube), "choice") : null,
      open && !flag.seen ? button(t("inbox.seen"), () => shown(() => post("/desk/inbox/seen", { id: flag.id })), "choice") : null,
    ),
  );
}

const decided = ({ what, value, reason, operator, node, at }) =>
  t(`inbox.${what}`, { who: operator, node, at: dayAndTime(at), value, reason });

// One of two registrations of a person; the site that wrote it may void it, whoever decides between the two.
function registration(of, open) {
  const choose = el("div.void", { hidden: true });
  const send = async (reason) => {
    await shown(async () => {
      await post("/desk/corrections/void", { registration: of.registration, tube: of.tube, reason });
      notice(t("correct.done"), "good");
      return get("/desk/inbox");
    });
  };
  choose.append(reasons(["why.registered-twice", "why.wrong-person", "why.not-sampled"], send));
  return el(
    `li${of.counts ? "" : ".struck"}`,
    {},
    el("time", {}, dayAndTime(of.at)),
    el("span.person", {}, `${of.name} `, el("b", {}, of.last_four)),
    el("small", {}, `${of.tube} · ${of.operator} · ${of.node}`),
    open && of.here && of.counts ? button(t("inbox.void"), () => (choose.hidden = !choose.hidden), "quiet") : null,
    choose,
  );
}

// How many nobody here looked at.
export async function count() {
  try {
    const flags = await get("/desk/inbox", { unattended: true });
    return flags.filter((flag) => isOpen(flag) && !flag.seen).length;
  } catch {
    return null;
  }
}
