// A button, and saying something.

import { $, el, put } from "./page/dom.js";

// A button that cannot be pressed twice while its work is under way.
export function button(words, work, kind = "") {
  const made = el(`button${kind ? `.${kind}` : ""}`, { type: "button" }, words);
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await work();
    } finally {
      made.disabled = false;
    }
  });
  return made;
}

let leaving = null;

export function notice(what, next = "") {
  clearTimeout(leaving);
  put($("notice"), el("b", {}, what), next && el("span", {}, next));
  $("notice").hidden = false;
  leaving = setTimeout(() => ($("notice").hidden = true), 8000);
}
