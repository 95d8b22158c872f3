// Times as this tablet's clock shows them, and how long something takes or took.

import { t } from "./page/text.js";

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
