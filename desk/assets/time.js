// How the desk says when something was, and how long it takes or took.

import { t } from "./page/text.js";
import { parts } from "./page/time.js";

const STAMPS_PER_MS = 65_536;

// When an entry was written, as its writer's stamp says.
export const msOf = (stamp) => stamp / STAMPS_PER_MS;

export const date = (ms) => (({ year, month, day }) => `${year}-${month}-${day}`)(parts(ms));

export function dayAndTime(ms) {
  const { month, day, hour, minute } = parts(ms);
  return `${date(ms) === date(Date.now()) ? t("today") : `${month}-${day.padStart(2, "0")}`} ${hour}:${minute}`;
}

export function span(seconds) {
  if (seconds < 90) return t("span.seconds", { n: Math.max(0, Math.round(seconds)) });
  if (seconds < 5400) return t("span.minutes", { n: Math.round(seconds / 60) });
  if (seconds < 129600) return t("span.hours", { n: Math.round(seconds / 3600) });
  return t("span.days", { n: Math.round(seconds / 86400) });
}
