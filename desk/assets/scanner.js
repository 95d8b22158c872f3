// A scanner that types: keys come from anywhere on the page, whatever has the focus and whatever input method is on.
//
// The page gets characters from the physical key when an input method hides them ("Process", composition), so a
// Chinese input method changes nothing. A scan ends with Enter, Tab, or silence. In a field, keys belong to whoever
// types, unless they come faster than hands do: then they are taken out of the field again.

const SILENCE_MS = 120;
const HAND_MS = 45;
const PAUSE_IN_FIELD_MS = 180;
const PAUSE_MS = 500;
const CHARS_MIN = 4;
const CHARS_MAX = 2048;
const ZONE_WITHIN_MS = 800;

const PLAIN = {
  Minus: "-_", Equal: "=+", BracketLeft: "[{", BracketRight: "]}", Backslash: "\\|", Semicolon: ";:", Quote: "'\"",
  Backquote: "`~", Comma: ",<", Period: ".>", Slash: "/?", Space: "  ", IntlBackslash: "\\|",
  NumpadAdd: "++", NumpadSubtract: "--", NumpadMultiply: "**", NumpadDivide: "//", NumpadDecimal: "..",
};
const OVER_DIGITS = ")!@#$%^&*(";

// The character of a physical key of a US layout, which is what scanners type.
function physical(event) {
  const { code, shiftKey } = event;
  if (/^Key[A-Z]$/.test(code)) return shiftKey ? code[3] : code[3].toLowerCase();
  if (/^Digit\d$/.test(code)) return shiftKey ? OVER_DIGITS[Number(code[5])] : code[5];
  if (/^Numpad\d$/.test(code)) return code[6];
  return PLAIN[code]?.[shiftKey ? 1 : 0] ?? "";
}

const isField = (target) =>
  target instanceof HTMLElement && target.id !== "sink" && (target.matches("input, textarea, select") || target.isContentEditable);

export class Scanner {
  #listens;
  #take;
  #raw;
  #text = "";
  #times = [];
  #timer = null;
  #zone = null;
  #before = null;
  #inField = false;
  #sink;

  // While `listens()`, `take` gets each scan with the moment of its last character; `raw` gets every key, for the
  // test page.
  constructor({ listens, take, raw }) {
    this.#listens = listens;
    this.#take = take;
    this.#raw = raw;
    this.#sink = document.getElementById("sink");
    addEventListener("keydown", (event) => this.#key(event), { capture: true });
    addEventListener("pointerdown", () => this.#clear(), { capture: true });
    // Keyboards on glass name no keys at all: their text arrives in a field that shows no keyboard.
    this.#sink.addEventListener("input", () => {
      if (this.#sink.value) this.#push(this.#sink.value);
      this.#sink.value = "";
    });
  }

  #key(event) {
    if (!this.#listens() || event.ctrlKey || event.altKey || event.metaKey) return;
    const field = isField(event.target);
    const hidden = event.isComposing || event.key === "Process" || event.keyCode === 229;
    if (event.key === "Enter" || event.key === "Tab" || event.code === "Enter" || event.code === "NumpadEnter") {
      this.#raw(event.key, true);
      const fast = this.#isFast();
      if (this.#text.length >= CHARS_MIN && (fast || !field)) {
        event.preventDefault();
        event.stopPropagation();
        if (field) this.#cleanField(event.target);
        this.#end();
      } else {
        this.#clear();
      }
      return;
    }
    if (event.key === "Unidentified" && !event.code) {
      if (!field) this.#sink.focus({ preventScroll: true });
      return;
    }
    const character = hidden || event.key.length !== 1 ? (event.key.length === 1 ? event.key : physical(event)) : event.key;
    if (!character || (event.key.length > 1 && !hidden)) return;
    this.#raw(character, false);
    // The key is not in the field yet: this is what the field goes back to if a scanner is typing.
    if (this.#isStale(field)) this.#clear();
    if (!this.#text) this.#before = field ? { field: event.target, value: event.target.value } : null;
    // A space would press the button that was touched last.
    if (!field) event.preventDefault();
    this.#push(character, field);
  }

  #push(text, field = false) {
    const now = performance.now();
    if (this.#isStale(field)) this.#clear();
    this.#inField = field;
    if (this.#text.length < CHARS_MAX) this.#text += text;
    this.#times.push(now);
    if (this.#times.length > 64) this.#times.shift();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // Silence ends what a scanner typed; what hands type waits for Enter.
      if (this.#text.length >= CHARS_MIN * 2 && this.#isFast() && !isField(document.activeElement)) this.#end();
    }, SILENCE_MS);
  }

  // What was typed before a pause, or in another place, belongs to nothing that comes after it.
  #isStale(field) {
    const last = this.#times.at(-1);
    if (field !== this.#inField) return true;
    return last !== undefined && performance.now() - last > (field ? PAUSE_IN_FIELD_MS : PAUSE_MS);
  }

  #isFast() {
    if (this.#times.length < CHARS_MIN) return false;
    const typical = (this.#times.at(-1) - this.#times[0]) / (this.#times.length - 1);
    return typical < HAND_MS;
  }

  #cleanField(field) {
    if (this.#before?.field !== field) return;
    field.value = this.#before.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // A key that meant something by itself is no part of the scan that follows.
  forget() {
    this.#clear();
  }

  #clear() {
    clearTimeout(this.#timer);
    this.#text = "";
    this.#times = [];
  }

  #end() {
    const text = this.#text;
    const at = this.#times.at(-1) ?? performance.now();
    this.#clear();
    // A reader of documents ends each line of a zone with Enter: the lines belong together.
    if (/^[A-Z0-9<]{30,44}$/i.test(text) && (text.includes("<") || this.#zone)) {
      clearTimeout(this.#zone?.timer);
      const lines = [...(this.#zone?.lines ?? []), text];
      const whole = lines.length === (text.length === 30 ? 3 : 2);
      if (!whole) {
        const timer = setTimeout(() => this.#flushZone(at), ZONE_WITHIN_MS);
        this.#zone = { lines, timer };
        return;
      }
      this.#zone = null;
      this.#take(lines.join("\n"), at);
      return;
    }
    this.#take(text, at);
  }

  #flushZone(at) {
    const lines = this.#zone?.lines;
    this.#zone = null;
    if (lines) this.#take(lines.join("\n"), at);
  }
}
