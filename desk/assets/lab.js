// The laboratory: a box is counted, a tube is scanned and read with one key.

import { button, notice, openPanel, closePanel, refusedNotice } from "./elements.js";
import * as arrival from "./lab/arrival.js";
import { openBatch } from "./lab/batch.js";
import * as key from "./lab/key.js";
import * as reading from "./lab/reading.js";
import * as bundle from "./bundle.js";
import * as camera from "./camera.js";
import * as inbox from "./inbox.js";
import { Refused, get, whenSignedOut } from "./page/ask.js";
import { $, el, put } from "./page/dom.js";
import { apply, onLanguage, t } from "./page/text.js";
import { Queue } from "./queue.js";
import * as safety from "./safety.js";
import { Scanner } from "./scanner.js";
import * as signIn from "./sign-in.js";
import { change } from "./state.js";
import * as tools from "./tools.js";

// Scans and keys wait in one line: a key belongs to the tube scanned before it, however slow the node is.
const queue = new Queue(work, (waiting, silent) => {
  if (silent) reading.silent(waiting);
});

// Scans and keys that were answered: what the tests wait for.
window.swabmesh = { answered: 0 };

function scanned(text) {
  if (tools.isTesting()) return tools.testScan(text);
  if (!signIn.isOpen()) return;
  if (!queue.push({ text })) notice(t("queue.full"), "bad");
}

function pressed(outcome) {
  if (signIn.isOpen() && !queue.push({ outcome })) notice(t("queue.full"), "bad");
}

async function work({ text, outcome }) {
  try {
    if (outcome) await reading.report(outcome);
    else await look(text);
  } catch (error) {
    if (!(error instanceof Refused) || [401, 423, 503].includes(error.status)) throw error;
    refusedNotice(error);
  }
  window.swabmesh.answered += 1;
}

async function look(text) {
  closePanel();
  // No key may reach the tube before while this one is not known.
  reading.clear();
  const barcode = text.normalize("NFKC").trim().toUpperCase();
  const found = await get(`/desk/specimens/${encodeURIComponent(barcode)}`);
  if (found.kind === "box") arrival.show(found);
  else if (found.kind === "tube") await tube(barcode, found);
  else reading.unknown(found.barcode, { box: () => arrival.unknown(found.barcode), tube: () => tube(found.barcode, found) });
}

async function tube(barcode, found) {
  arrival.ticked(barcode);
  await reading.show(barcode, found);
}

function typeBarcode() {
  const field = el("input", { type: "text", id: "barcode", maxLength: 32, autocomplete: "off", autocapitalize: "characters", required: true });
  const send = (event) => (event.preventDefault(), closePanel(), scanned(field.value));
  openPanel(t("tube.type"), [el("form.form", { onsubmit: send }, el("label", { for: "barcode" }, t("tube.barcode")), field, el("button.strong", { type: "submit" }, t("lab.look")))]);
}

function render() {
  if (!$("camera")) $("done").append(el("div.camera", { id: "camera", hidden: true }), el("div.scan-tools", { id: "scan-tools" }), el("h2", { id: "done-title" }), el("div", { id: "log" }));
  reading.again();
  $("done-title").textContent = t("lab.done");
  put(
    $("scan-tools"),
    button(t("batch.title"), () => openBatch(arrival.refresh), "tool"),
    button(t("tube.type"), typeBarcode, "tool"),
    button(t("camera.title"), camera.toggle, "tool"),
    el("button.tool", { type: "button", id: "inbox", onclick: () => inbox.openInbox(scanned) }, t("inbox.title")),
    button(t("tools"), () => tools.openTools([["bundle.title", bundle.openBundles]]), "tool"),
  );
  camera.render();
}

const scanner = new Scanner({ listens: signIn.isOpen, take: scanned, raw: tools.testKey });
key.listen((outcome) => (scanner.forget(), pressed(outcome)));
reading.whenPressed(pressed);
reading.whenReported(arrival.refresh);
arrival.whenChosen(scanned);
camera.whenFound(scanned);
whenSignedOut(() => signIn.begin());
signIn.whenOpened((found) => {
  change({ operator: found.operator, duty: found.duty, site: found.site });
  safety.begin();
});
$("lock").addEventListener("click", () => signIn.lock());
onLanguage(render);
apply();
signIn.begin();
