// Times in Shanghai, whatever the phone says.

import { t } from "./page/text.js";

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
