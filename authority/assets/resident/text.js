// Words: one table a language; the page is Chinese until somebody asks otherwise. Times are Shanghai's, whatever the phone says.

import chinese from "./text/zh.js";
import english from "./text/en.js";

const TABLES = { zh: chinese, en: english };
const KEPT_AS = "swabmesh.resident.language";

let language = localStorage.getItem(KEPT_AS) === "en" ? "en" : "zh";

export const current = () => language;

// The words of a key, with {holes} filled; a key nobody wrote words for shows itself.
export function t(key, holes = {}) {
  const words = TABLES[language][key];
  if (words === undefined) return key;
  return words.replace(/\{(\w+)\}/g, (hole, name) => (name in holes ? String(holes[name]) : hole));
}

export function refusal(name, problem) {
  const key = `problem.${name}`;
  if (key in TABLES[language]) return { what: t(key), next: t(`${key}.next`) };
  return { what: problem.detail || name, next: problem.what_to_do || "" };
}

// Puts words to what the HTML itself holds.
export function apply() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = t("title");
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = t(element.dataset.text);
}

export function turn() {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem(KEPT_AS, language);
  apply();
}

function parts(ms) {
  const options = {
    timeZone: "Asia/Shanghai", hourCycle: "h23",
    year: "numeric", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
  };
  const found = new Intl.DateTimeFormat("en", options).formatToParts(new Date(ms));
  return Object.fromEntries(found.map(({ type, value }) => [type, value]));
}

export const clock = (ms) => (({ hour, minute, second }) => `${hour}:${minute}:${second}`)(parts(ms));
export const moment = (ms) => t("moment", parts(ms));

// Until when something is valid, in words: the last minute, and how many days that is from now.
export function until(expires_ms, now_ms) {
  const days = Math.floor((expires_ms - now_ms) / 86_400_000);
  const left = days > 1 ? t("left.days", { n: days }) : t("left.hours", { n: Math.max(0, Math.floor((expires_ms - now_ms) / 3_600_000)) });
  return { moment: moment(expires_ms - 1000), left };
}
