// Words: one table a language; the page is Chinese until somebody asks otherwise.

import chinese from "./text/zh.js";
import english from "./text/en.js";

const TABLES = { zh: chinese, en: english };
const KEPT_AS = "swabmesh.language";
const watchers = new Set();

let language = localStorage.getItem(KEPT_AS) === "en" ? "en" : "zh";

export const current = () => language;

// The words of a key, with {holes} filled; a key nobody wrote words for shows itself.
export function t(key, holes = {}) {
  const words = TABLES[language][key];
  if (words === undefined) return key;
  return words.replace(/\{(\w+)\}/g, (hole, name) => (name in holes ? String(holes[name]) : hole));
}

// The words of a key in both languages, for a screen that everybody reads.
export const inBoth = (key, holes = {}) => ["zh", "en"].map((of) => (TABLES[of][key] ?? key).replace(/\{(\w+)\}/g, (hole, name) => String(holes[name] ?? hole)));

export const has = (key) => key in TABLES[language];

// What the node refused: its own words in English, the table's in Chinese where the table has them.
export function refusal(name, problem) {
  const key = `problem.${name}`;
  if (has(key)) return { what: t(key), next: t(`${key}.next`) };
  return { what: problem.detail || name, next: problem.what_to_do || "" };
}

export function setLanguage(next) {
  language = next;
  localStorage.setItem(KEPT_AS, next);
  apply();
  for (const watcher of watchers) watcher();
}

export function onLanguage(watcher) {
  watchers.add(watcher);
  watcher();
}

// Puts words to what the HTML itself holds.
export function apply() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
}

const pad = (number) => String(number).padStart(2, "0");

export function clockTime(ms) {
  const at = new Date(ms);
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

export function dayAndTime(ms) {
  const at = new Date(ms);
  const today = new Date().toDateString() === at.toDateString();
  const day = today ? t("today") : `${at.getMonth() + 1}-${pad(at.getDate())}`;
  return `${day} ${pad(at.getHours())}:${pad(at.getMinutes())}`;
}

export function span(seconds) {
  if (seconds < 90) return t("span.seconds", { n: Math.max(0, Math.round(seconds)) });
  if (seconds < 5400) return t("span.minutes", { n: Math.round(seconds / 60) });
  if (seconds < 129600) return t("span.hours", { n: Math.round(seconds / 3600) });
  return t("span.days", { n: Math.round(seconds / 86400) });
}
