// Who is at the desk: names to tap, a PIN on large keys, and the first supervisor of a new node.

import { button } from "./elements.js";
import { get, post, remove, signedIn } from "./page/ask.js";
import { $, el, put } from "./page/dom.js";
import { onLanguage, t } from "./page/text.js";

let situation = null;
let chosen = null;
let entered = "";
let said = "";
let opened = () => {};

export function whenOpened(then) {
  opened = then;
}

export async function begin() {
  let found;
  try {
    found = await get("/desk/session");
  } catch {
    said = t("silent");
    render();
    setTimeout(begin, 1500);
    return;
  }
  said = "";
  take(found);
}

function take(found) {
  situation = found;
  signedIn(found.csrf);
  $("site").textContent = found.site;
  document.title = `${found.site} · swabmesh`;
  chosen = found.state === "locked" ? found.operator : found.operators.length === 1 ? found.operators[0].name : null;
  entered = "";
  const open = found.state === "open";
  $("gate").hidden = open;
  $("desk").hidden = !open;
  $("lock").hidden = !open;
  who();
  if (open) opened(found);
  else render();
}

function who() {
  $("who").textContent = situation?.operator ? `${situation.operator} · ${t(`duty.${situation.duty}`)}` : "";
}

export const isOpen = () => situation?.state === "open";

export async function lock() {
  take(await post("/desk/session/lock"));
}

export async function signOut() {
  take(await remove("/desk/session"));
}

function render() {
  if (isOpen()) return;
  const gate = $("gate");
  const card =
    situation === null ? [el("p.lead", {}, said || t("loading"))]
    : situation.state === "setup" ? setup()
    : chosen ? pinPad()
    : names();
  put(gate, el("div.card.gate-card", {}, ...card));
  gate.querySelector("input")?.focus();
}

function names() {
  return [
    el("h2", {}, t("gate.who")),
    el("div.names", {}, situation.operators.map((person) => button(person.name, () => ((chosen = person.name), render()), "choice"))),
  ];
}

function pinPad() {
  const digit = (key) => button(key, () => press(key), "key");
  const dots = el("output.dots", { "aria-live": "polite", "aria-label": t("gate.digits", { n: entered.length }) }, "●".repeat(entered.length) || "·");
  return [
    el("h2", {}, situation.state === "locked" ? t("gate.locked", { name: chosen }) : t("gate.pin", { name: chosen })),
    dots,
    el("p.said", { role: "alert" }, said),
    el("div.pad", {}, ["1", "2", "3", "4", "5", "6", "7", "8", "9"].map(digit), button(t("gate.erase"), () => press("Backspace"), "key.small"), digit("0"), button(t("gate.enter"), () => press("Enter"), "key.small.strong")),
    button(t("gate.somebody-else"), () => somebodyElse(), "quiet"),
  ];
}

async function somebodyElse() {
  said = "";
  if (situation.state === "locked") await signOut();
  chosen = null;
  entered = "";
  render();
}

function press(key) {
  said = "";
  if (key === "Backspace") entered = entered.slice(0, -1);
  else if (key === "Enter") return void send();
  else if (entered.length < 12) entered += key;
  render();
}

async function send() {
  const pin = entered;
  entered = "";
  try {
    take(situation.state === "locked" ? await post("/desk/session/unlock", { pin }) : await post("/desk/session", { operator: chosen, pin }));
  } catch (error) {
    const words = error.words;
    said = words ? `${words.what} ${words.next}` : t("silent");
    render();
  }
}

function setup() {
  const field = (id, words, attributes) => [el("label", { for: id }, t(words)), el("input", { id, required: true, autocomplete: "off", ...attributes })];
  const form = el(
    "form.form",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        const value = (id) => form.querySelector(`#${id}`).value.trim();
        try {
          take(await post("/desk/setup", { code: value("setup-code"), operator: value("setup-name"), pin: value("setup-pin") }));
        } catch (error) {
          const words = error.words;
          form.querySelector(".said").textContent = words ? `${words.what} ${words.next}` : t("silent");
        }
      },
    },
    field("setup-code", "setup.code", { type: "text", maxLength: 12 }),
    field("setup-name", "setup.name", { type: "text", maxLength: 16 }),
    field("setup-pin", "setup.pin", { type: "password", inputmode: "numeric", maxLength: 12 }),
    el("p.said", { role: "alert" }, ""),
    el("button.strong", { type: "submit" }, t("setup.make")),
  );
  return [el("h2", {}, t("setup.title")), el("p.hint", {}, t("setup.hint")), form];
}

addEventListener("keydown", (event) => {
  if (isOpen() || !chosen || situation?.state === "setup" || event.target instanceof HTMLInputElement) return;
  const key = /^(Digit|Numpad)\d$/.test(event.code) ? event.code.slice(-1) : event.key;
  if (/^\d$/.test(key) || key === "Backspace" || key === "Enter") {
    event.preventDefault();
    press(key);
  }
});
onLanguage(() => (who(), render()));
