// Making elements, panels and notices. Nothing here ever takes the keys away from the scanner.

import { t } from "./text.js";

export const $ = (id) => document.getElementById(id);

// el("button.big", { onclick }, "text", child…)
export function el(description, attributes = {}, ...children) {
  const [tag, ...classes] = description.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...given(children));
  return element;
}

const given = (children) => children.flat().filter((child) => child !== null && child !== undefined && child !== false);

// Replaces what an element holds; absent children are left out.
export const put = (element, ...children) => element.replaceChildren(...given(children));

export const button = (words, onclick, kind = "") =>
  el(`button${kind ? `.${kind}` : ""}`, { type: "button", onclick }, words);

const SYMBOLS = {
  green: ["M10 33 L26 49 L54 15"],
  amber: ["M32 7 L60 57 H4 Z", "M32 27 V40", "M32 48 V48.1"],
  red: ["M14 14 L50 50", "M50 14 L14 50"],
};

export function symbol(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 64 64");
  svg.setAttribute("class", name);
  svg.setAttribute("aria-hidden", "true");
  for (const line of SYMBOLS[name]) {
    const path = document.createElementNS(space, "path");
    path.setAttribute("d", line);
    svg.append(path);
  }
  return svg;
}

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
