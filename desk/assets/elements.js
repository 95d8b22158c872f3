// Buttons, panels and notices. Nothing here ever takes the keys away from the scanner.

import { $, drawn, el } from "./page/dom.js";
import { t } from "./page/text.js";

export const button = (words, onclick, kind = "") =>
  el(`button${kind ? `.${kind}` : ""}`, { type: "button", onclick }, words);

const SYMBOLS = {
  green: ["M10 33 L26 49 L54 15"],
  amber: ["M32 7 L60 57 H4 Z", "M32 27 V40", "M32 48 V48.1"],
  red: ["M14 14 L50 50", "M50 14 L14 50"],
};

export const symbol = (name) =>
  drawn("svg", { viewBox: "0 0 64 64", class: name, "aria-hidden": "true" }, SYMBOLS[name].map((d) => drawn("path", { d })));

let closing = null;

// Opens the one panel beside the desk; a scan goes on behind it.
export function openPanel(title, children, onclose = null) {
  closePanel();
  closing = onclose;
  const panel = $("panel");
  panel.replaceChildren(
    el("div.panel-head", {}, el("h2", { id: "panel-title" }, title), button(t("close"), closePanel, "quiet")),
    el("div.panel-body", {}, ...children),
  );
  panel.hidden = false;
  panel.querySelector("input, select, button.choice")?.focus();
}

export function closePanel() {
  const panel = $("panel");
  if (panel.hidden) return;
  panel.hidden = true;
  panel.replaceChildren();
  const after = closing;
  closing = null;
  after?.();
}

export const panelBody = () => document.querySelector("#panel .panel-body");

const NOTICE_MS = 6000;

// Says something beside the work: it leaves by itself.
export function notice(words, kind = "plain") {
  const line = el(`div.notice.${kind}`, {}, words);
  $("notices").append(line);
  setTimeout(() => line.remove(), NOTICE_MS);
}

export function refusedNotice(error) {
  const words = error.words;
  notice(words ? `${words.what}${words.next ? ` · ${words.next}` : ""}` : t("silent"), "bad");
}

// A reason by one tap, or in words.
export function reasons(keys, choose) {
  const own = el("input", { type: "text", maxLength: 60, placeholder: t("reason.own"), "aria-label": t("reason.own") });
  const send = () => own.value.trim() && choose(own.value.trim());
  return el(
    "div.reasons",
    {},
    keys.map((key) => button(t(key), () => choose(t(key)), "choice")),
    el("form.row", { onsubmit: (event) => (event.preventDefault(), send()) }, own, button(t("reason.go"), send, "choice")),
  );
}
