// What goes on paper: only this, black on white.

import { $, put } from "./page/dom.js";

export function printOut(...children) {
  const sheet = $("print");
  put(sheet, ...children);
  sheet.hidden = false;
  // Drawn before the browser asks for it.
  requestAnimationFrame(() => print());
}

addEventListener("afterprint", () => ($("print").hidden = true));
