// One key for a reading: N, P, I or V pressed alone. A scanner types the same letters, but never one alone.

import { $ } from "../page/dom.js";

const KEYS = { KeyN: "negative", KeyP: "positive", KeyI: "inconclusive", KeyV: "invalid" };
const ALONE_MS = 150;

export const letters = { negative: "N", positive: "P", inconclusive: "I", invalid: "V" };

export function listen(pressed) {
  let timer = null;
  let last = -Infinity;
  addEventListener(
    "keydown",
    (event) => {
      const alone = performance.now() - last > ALONE_MS;
      // What ends a scan keeps no hand waiting: the key may follow at once.
      last = event.key === "Enter" || event.key === "Tab" ? -Infinity : performance.now();
      clearTimeout(timer);
      const field = event.target instanceof HTMLElement && event.target.id !== "sink" && event.target.matches("input, textarea, select");
      if (field || event.repeat || event.ctrlKey || event.altKey || event.metaKey || !$("panel").hidden) return;
      // The physical key: an input method that is on changes nothing.
      const outcome = KEYS[event.code];
      if (outcome && alone) timer = setTimeout(() => pressed(outcome), ALONE_MS);
    },
    { capture: true },
  );
}
