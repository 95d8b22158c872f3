// Words: one table a language; the page is Chinese until somebody asks otherwise.

import chinese from "../text/zh.js";
import english from "../text/en.js";

const TABLES = { zh: chinese, en: english };
const NAMES = { zh: "中文", en: "English" };
const CODES = { zh: "zh-CN", en: "en" };
const KEPT_AS = "swabmesh.language";
const watchers = new Set();

let language = localStorage.getItem(KEPT_AS) === "en" ? "en" : "zh";

export const current = () => language;
const other = () => (language === "zh" ? "en" : "zh");

// The words of a key in a language, with {holes} filled; a key nobody wrote words for shows itself.
const words = (of, key, holes) => (TABLES[of][key] ?? key).replace(/\{(\w+)\}/g, (hole, name) => (name in holes ? String(holes[name]) : hole));

export const t = (key, holes = {}) => words(language, key, holes);

// The words of a key in both languages, for a screen that everybody reads.
export const inBoth = (key, holes = {}) => Object.keys(TABLES).map((of) => words(of, key, holes));

export const has = (key) => key in TABLES[language];

// What the node refused: its own words in English, the table's in Chinese where the table has them.
export function refusal(name, problem) {
  const key = `problem.${name}`;
  if (has(key)) return { what: t(key), next: t(`${key}.next`) };
  return { what: problem.detail || name, next: problem.what_to_do || "" };
}

// Tells when the language has turned.
export const onTurn = (watcher) => watchers.add(watcher);

// The same, and at once.
export function onLanguage(watcher) {
  onTurn(watcher);
  watcher();
}

// Puts words to what the HTML itself holds; the button offers the other language by its own name.
export function apply() {
  document.documentElement.lang = CODES[language];
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
  const button = document.getElementById("language");
  if (!button) return;
  button.textContent = NAMES[other()];
  button.lang = CODES[other()];
}

document.getElementById("language")?.addEventListener("click", () => {
  language = other();
  localStorage.setItem(KEPT_AS, language);
  apply();
  for (const watcher of watchers) watcher();
});
