// Safety at a glance: three numbers that cannot be misread, and why the node is not in sync.

import { button, openPanel } from "./elements.js";
import { get } from "./page/ask.js";
import { $, el, put } from "./page/dom.js";
import { current, onLanguage, t } from "./page/text.js";
import { clockTime } from "./page/time.js";
import { span } from "./time.js";

const EVERY_MS = 3000;

let known = null;
let heardAt = 0;

function render() {
  const card = $("safety");
  if (!known) return put(card, el("h2", { id: "safety-title" }, t("safety.title")), el("p.hint", {}, t("loading")));
  const { own } = known;
  const worst = known.advice[0]?.level ?? "fine";
  put(
    card,
    el("div.card-head", {}, el("h2", { id: "safety-title" }, t("safety.title")), button(t("safety.why"), why, worst === "act" ? "strong" : "quiet")),
    el(
      "dl.copies",
      {},
      copy("only-here", own.only_here, own.only_here > 0 ? "risk" : "safe"),
      copy("neighbour", own.at_neighbour, own.at_neighbour > 0 ? "half" : "safe"),
      copy("authority", own.at_authority, "safe"),
    ),
    el("ul.facts", {}, facts().map(([key, words, bad]) => el(`li${bad ? ".bad" : ""}`, {}, el("span", {}, t(key)), el("b", {}, words)))),
  );
}

const copy = (key, number, kind) => el(`div.copy.${kind}`, {}, el("dt", {}, t(`safety.${key}`)), el("dd", {}, String(number)));

function facts() {
  const { peers, lists, disk, now } = known;
  const oldest = Math.max(0, ...lists.map((list) => list.age_s));
  const free = disk.free_bytes;
  const silence = (Date.now() - heardAt) / 1000;
  return [
    ["safety.contact", peers.length ? peers.map((peer) => peer.name || peer.node.slice(0, 8)).join(t("comma")) : t("safety.nobody"), peers.length === 0],
    ["safety.list", lists.length ? span(oldest) : t("safety.no-list"), lists.length === 0 || lists.some((list) => list.stale)],
    ["safety.clock", known.clock_doubtful ? t("safety.clock-doubtful") : clockTime(now).slice(0, 5), known.clock_doubtful],
    ["safety.disk", disk.trouble ? t("safety.disk-trouble") : free ? t("gib", { n: (free / 2 ** 30).toFixed(1) }) : "–", Boolean(disk.trouble) || (free && free < disk.floor_bytes * 4)],
    ["safety.node", silence > 10 ? t("safety.silent", { n: Math.round(silence) }) : t("safety.answers"), silence > 10],
  ];
}

function peerWords(peer) {
  if (peer.in_sync_since) return t("peer.in-sync", { span: span((known.now - peer.in_sync_since) / 1000) });
  const [feeds, entries] = peer.missing_here;
  return t("peer.missing", { here: entries, feeds, there: peer.missing_there });
}

// One tap: with whom, how much, since when, and what to do.
function why() {
  if (!known) return;
  openPanel(t("safety.why"), [
    el("ul.advice", {}, known.advice.map((advice) => el(`li.${advice.level}`, {}, el("b", {}, advice.what), el("p", {}, advice.what_to_do)))),
    current() === "zh" && el("p.hint", {}, t("safety.english")),
    el("h3", {}, t("safety.peers")),
    known.peers.length
      ? el("ul.advice", {}, known.peers.map((peer) => el("li.fine", {}, el("b", {}, `${peer.name || peer.node.slice(0, 8)} · ${t(`role.${peer.role ?? "unknown"}`)}`), el("p", {}, peerWords(peer)), el("p", {}, t("peer.since", { span: span((known.now - peer.connected_since) / 1000) })))))
      : el("p.lead", {}, t("safety.alone")),
  ]);
}

export async function refresh() {
  try {
    known = await get("/desk/safety", { unattended: true });
    heardAt = Date.now();
  } catch {
    // Silence shows by itself, as seconds since the last answer.
  }
  render();
}

let begun = false;

export function begin() {
  refresh();
  if (!begun) setInterval(refresh, EVERY_MS);
  begun = true;
}

onLanguage(render);
