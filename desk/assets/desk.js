// The desk: scans go in, verdicts come out, one after the other.

import { button, notice } from "./elements.js";
import * as boxes from "./boxes.js";
import * as camera from "./camera.js";
import { openDay } from "./day.js";
import * as documents from "./documents.js";
import * as inbox from "./inbox.js";
import { Refused, post, whenSignedOut } from "./page/ask.js";
import { $, el, put } from "./page/dom.js";
import { apply, onLanguage, t } from "./page/text.js";
import * as picture from "./picture.js";
import { Queue } from "./queue.js";
import * as recent from "./recent.js";
import * as safety from "./safety.js";
import { Scanner } from "./scanner.js";
import { openScreen } from "./screen.js";
import * as signIn from "./sign-in.js";
import { change, desk, isSupervisor, onChange } from "./state.js";
import * as tools from "./tools.js";
import * as tube from "./tube.js";
import * as verdict from "./verdict.js";

const INBOX_EVERY_MS = 15_000;
const RECENT_AFTER_MS = 150;

let recentTimer = null;

// Milliseconds from a scan's last character to its verdict on the screen: what the benchmark reads.
const toScreen = [];
window.swabmesh = { toScreen, framesPerSecond: camera.framesPerSecond };

const queue = new Queue(work, (waiting, silent, error) => {
  $("waiting").textContent = waiting > 1 ? t("queue.waiting", { n: waiting }) : "";
  if (silent && !(error instanceof Refused && error.status !== 503)) verdict.silent(waiting);
});

function scanned(text, at = performance.now()) {
  if (tools.isTesting()) return tools.testScan(text);
  if (!signIn.isOpen()) return;
  if (boxes.isPacking()) return void boxes.packScan(text);
  if (!queue.push({ text, at, since: Date.now() })) notice(t("queue.full"), "bad");
}

// Sends one scan and shows what came of it.
async function work(scan) {
  const { text, reason } = scan;
  const body = { text, tube: desk.tube?.barcode ?? null, pool: desk.pool, reason: reason ?? null };
  if (scan.document) return await typed(scan);
  try {
    const answer = await post("/desk/scan", body);
    if (answer.kind === "verdict") person(answer, scan);
    else if (answer.kind === "tube") taken(answer);
    else documents.openRoutes(answer.document, text);
  } catch (error) {
    if (!(error instanceof Refused) || [401, 423, 503].includes(error.status)) throw error;
    refused(error, scan);
  }
  drawn(scan);
}

function drawn(scan) {
  requestAnimationFrame(() => {
    // The frame after the next one is certainly on the screen.
    const channel = new MessageChannel();
    channel.port1.onmessage = () => toScreen.push(performance.now() - scan.at);
    channel.port2.postMessage(null);
  });
}

const repeat = (scan) => (reason) => {
  verdict.dismiss();
  queue.push({ ...scan, reason, at: performance.now(), attempts: 0 });
};
const otherRoutes = () => (verdict.dismiss(), documents.openRoutes());

function person(answer, scan) {
  // The answer to the first attempt was lost, not the registration: the node has it already.
  const saved = scan.attempts && answer.needs_reason && answer.earlier.find((one) => one.at >= scan.since - 5000 && one.operator === desk.operator && one.tube === desk.tube?.barcode);
  if (saved) answer = { ...answer, verdict: "green", reason: "ok", needs_reason: false, earlier: [] };
  verdict.judged(answer, { again: repeat(scan), routes: otherRoutes, late: Boolean(scan.attempts) });
  if (answer.registration || saved) {
    change({ tube: { barcode: answer.tube, count: answer.count, pool: answer.pool } });
    clearTimeout(recentTimer);
    recentTimer = setTimeout(() => (recent.refresh(), safety.refresh()), RECENT_AFTER_MS);
  }
}

function taken(answer) {
  change({ tube: { barcode: answer.tube, count: answer.count, pool: answer.pool } });
  verdict.tubeTaken(answer, {
    back: (left) => (verdict.dismiss(), change({ tube: { barcode: left.tube, count: left.count, pool: left.pool } })),
    sealLeft: async (left) => {
      verdict.dismiss();
      try {
        await tube.seal(left.tube, true);
      } catch (error) {
        notice(error.words?.what ?? t("silent"), "bad");
      }
    },
  });
}

function refused(error, scan) {
  verdict.refused(error, {
    again: repeat(scan),
    seal: () => (verdict.dismiss(), tube.sealCurrent()),
    routes: otherRoutes,
  });
  if (error.name === "tube-sealed") change({ tube: null });
}

// Registers what was typed; returns what was wrong, for the form that is still open.
async function typed(scan) {
  try {
    const answer = await post("/desk/registrations", { tube: desk.tube?.barcode ?? "", document: scan.document, same_phone: scan.samePhone, reason: scan.reason ?? null });
    scan.done?.(null);
    person(answer, scan);
    if (!answer.needs_reason) scan.document = null;
  } catch (error) {
    if (!(error instanceof Refused) || [401, 423, 503].includes(error.status)) throw error;
    if (!scan.done || error.name !== "document") refused(error, scan);
    scan.done?.(error.name === "document" ? { ...error.words, document: true } : null);
  }
  drawn(scan);
}

documents.whenTyped((entry, samePhone) => new Promise((done) => queue.push({ document: entry, samePhone, at: performance.now(), since: Date.now(), done })));

function render() {
  if (!$("waiting")) {
    $("scan").append(
      el("h2", { id: "scan-title" }),
      el("p.scan-hint", { id: "scan-hint" }),
      el("p.waiting", { id: "waiting", role: "status" }),
      el("div.camera", { id: "camera", hidden: true }),
      el("div.scan-tools", { id: "scan-tools" }),
    );
  }
  $("scan-title").textContent = t("scan.title");
  $("scan-hint").textContent = desk.tube ? t("scan.person") : t("scan.tube");
  $("scan-tools").replaceChildren(
    button(t("camera.title"), camera.toggle, "tool"),
    button(t("document.title"), () => documents.openRoutes(), "tool"),
    el("button.tool", { type: "button", id: "inbox", onclick: () => inbox.openInbox(tube.oneTube) }, t("inbox.title")),
    button(t("boxes.title"), boxes.openBoxes, "tool"),
    button(t("day.title"), openDay, "tool"),
    button(t("tools"), () => tools.openTools(isSupervisor() ? [["board.title", openScreen]] : []), "tool"),
  );
  camera.render();
}

async function countInbox() {
  if (!signIn.isOpen()) return;
  const flags = await inbox.count();
  const tool = $("inbox");
  if (flags === null || !tool) return;
  put(tool, t("inbox.title"), flags ? el("b.badge", {}, String(flags)) : "");
}

new Scanner({ listens: signIn.isOpen, take: scanned, raw: tools.testKey });
camera.whenFound((text) => scanned(text));
picture.listen((text) => scanned(text));
whenSignedOut(() => signIn.begin());
signIn.whenOpened((found) => {
  change({ operator: found.operator, duty: found.duty, site: found.site });
  tube.refresh();
  recent.refresh();
  safety.begin();
  countInbox();
});
setInterval(countInbox, INBOX_EVERY_MS);
$("lock").addEventListener("click", () => signIn.lock());
onLanguage(render);
onChange(() => ($("scan-hint").textContent = desk.tube ? t("scan.person") : t("scan.tube")));
apply();
signIn.begin();
