// Until when something is valid, in words.

import { parts } from "./page/time.js";
import { t } from "./page/text.js";

export const moment = (ms) => t("moment", parts(ms));

// The last minute, and how many days that is from now.
export function until(expires_ms, now_ms) {
  const days = Math.floor((expires_ms - now_ms) / 86_400_000);
  const left = days > 1 ? t("left.days", { n: days }) : t("left.hours", { n: Math.max(0, Math.floor((expires_ms - now_ms) / 3_600_000)) });
  return { moment: moment(expires_ms - 1000), left };
}
