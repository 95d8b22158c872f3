// The other routes: a card, a passport, a number stated aloud, an infant with a parent, nobody is turned away.
// What is typed is judged while it is typed, sealed when it is saved, and then gone from this page too.

import { button, closePanel, openPanel } from "./elements.js";
import { post } from "./page/ask.js";
import { el } from "./page/dom.js";
import { current, onLanguage, t } from "./page/text.js";
import { desk } from "./state.js";
import { date } from "./time.js";

const TYPES = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const INFANT = 8;
const OTHER = 9;
// Documents of digits, where the pad is faster than a keyboard in gloves.
const PAD_TYPES = [1, 4, 5, 6];
const CHECK_AFTER_MS = 250;
const ADULT_TYPES = [1, 2, 3, 4, 5, 6];

let register = async () => {};
let open = null;

// `then(entry, samePhone)` registers what was typed; the panel closes when it was taken.
export function whenTyped(then) {
  register = then;
}

export function openRoutes(type = 1, number = "") {
  open = new Form(type, number);
  open.show();
}

class Form {
  constructor(type, number) {
    this.type = type;
    this.values = { number };
    this.stated = false;
    // When this person last gave a telephone here: its number is sealed, so the registration only says "the same".
    this.phoneGivenAt = null;
    this.samePhone = true;
    this.timer = null;
    this.asked = 0;
  }

  show() {
    this.said = el("p.said", { role: "status", id: "document-said" });
    const body = [
      el("div.types", { role: "group", "aria-label": t("document.type") }, TYPES.map((type) => this.typeChoice(type))),
      el("form.form", { onsubmit: (event) => (event.preventDefault(), this.send()), autocomplete: "off" }, ...this.fields(), this.type === INFANT && this.said,
        el("button.strong", { type: "submit" }, t("document.register"))),
    ];
    openPanel(t("document.title"), body, () => {
      open = null;
      this.values = {};
    });
    document.getElementById(this.type === INFANT ? "document-born" : this.type === OTHER ? "document-name" : "document-number")?.focus();
    this.check();
  }

  typeChoice(type) {
    const chosen = type === this.type;
    const choice = button(t(`document.${type}`), () => ((this.type = type), this.show()), chosen ? "chosen" : "");
    choice.setAttribute("aria-pressed", String(chosen));
    return choice;
  }

  field(name, key, attributes = {}) {
    const id = `document-${name}`;
    const tag = attributes.rows ? "textarea" : "input";
    const field = el(tag, {
      id,
      ...attributes,
      autocomplete: "off",
      oninput: (event) => {
        this.values[name] = event.target.value;
        this.offerPhone();
        this.checkSoon();
      },
    });
    field.value = this.values[name] ?? "";
    return [el("label", { for: id }, t(key)), field];
  }

  fields() {
    const { type } = this;
    const zone = type === 2;
    const fields = [];
    if (type !== INFANT) {
      fields.push(...this.field("number", zone ? "document.number-or-zone" : "document.number", zone ? { rows: 2, maxLength: 100 } : { type: "text", maxLength: 40, required: type !== OTHER, autocapitalize: "characters" }));
      fields.push(this.said);
      if (PAD_TYPES.includes(type)) fields.push(this.pad());
    }
    fields.push(...this.field("name", type === INFANT ? "document.name-infant" : zone ? "document.name-or-zone" : "document.name", { type: "text", maxLength: 64, required: ![INFANT, 2].includes(type) }));
    if (zone) fields.push(...this.field("state", "document.state", { type: "text", maxLength: 3, autocapitalize: "characters" }));
    if (type === INFANT) fields.push(...this.field("born", "document.born", { type: "date", required: true }), ...this.parent());
    if (![INFANT, OTHER].includes(type)) {
      const stated = el("input", { type: "checkbox", id: "document-stated", checked: this.stated, onchange: (event) => (this.stated = event.target.checked) });
      fields.push(el("label.check", { for: "document-stated" }, stated, el("span", {}, t("document.stated"))));
    }
    fields.push(...this.field("phone", "document.phone", { type: "tel", maxLength: 24 }), this.phoneOffer());
    fields.push(...this.field("remark", type === OTHER ? "document.remark-needed" : "document.remark", { type: "text", maxLength: 120, required: type === OTHER }));
    fields.push(el("p.hint", {}, t("document.sealed")));
    return fields;
  }

  phoneOffer() {
    const same = el("input", { type: "checkbox", id: "document-same-phone", checked: this.samePhone, onchange: (event) => (this.samePhone = event.target.checked) });
    this.offer = el("label.check", { for: "document-same-phone", hidden: true }, same, el("span", {}));
    this.offerPhone();
    return this.offer;
  }

  offersPhone() {
    return this.phoneGivenAt !== null && !this.values.phone?.trim();
  }

  offerPhone() {
    this.offer.hidden = !this.offersPhone();
    if (this.offersPhone()) this.offer.lastChild.textContent = t("document.same-phone", { date: date(this.phoneGivenAt) });
  }

  knowsPhone(givenAt) {
    this.phoneGivenAt = givenAt ?? null;
    this.offerPhone();
  }

  parent() {
    const kind = el("select", { id: "document-parent-type", onchange: (event) => ((this.values.parentType = Number(event.target.value)), this.checkSoon()) },
      ADULT_TYPES.map((type) => el("option", { value: String(type), selected: type === (this.values.parentType ?? 1) }, t(`document.${type}`))));
    const relation = el("select", { id: "document-relation", onchange: (event) => (this.values.relation = event.target.value) },
      ["mother", "father", "guardian"].map((name) => el("option", { value: name, selected: name === this.values.relation }, t(`relation.${name}`))));
    return [
      el("h3", {}, t("document.parent")),
      el("label", { for: "document-relation" }, t("document.relation")),
      relation,
      ...this.field("parentName", "document.parent-name", { type: "text", maxLength: 64, required: true }),
      el("label", { for: "document-parent-type" }, t("document.type")),
      kind,
      ...this.field("parentNumber", "document.parent-number", { type: "text", maxLength: 40, required: true }),
    ];
  }

  pad() {
    const type = (key) => () => {
      const field = document.getElementById("document-number");
      field.value = key === "⌫" ? field.value.slice(0, -1) : field.value + key;
      field.dispatchEvent(new Event("input"));
    };
    return el("div.pad", {}, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "X", "0", "⌫"].map((key) => {
      const choice = button(key, type(key), "key");
      if (key === "⌫") choice.setAttribute("aria-label", t("gate.erase"));
      return choice;
    }));
  }

  entry() {
    const { values, type } = this;
    const given = (text) => text?.trim() || undefined;
    const entry = { type, number: type === INFANT ? undefined : given(values.number), name: given(values.name), state: type === 2 ? given(values.state)?.toUpperCase() : undefined, phone: given(values.phone), remark: given(values.remark) };
    if (this.stated && ![INFANT, OTHER].includes(type)) entry.stated = true;
    if (type === INFANT) {
      entry.born = given(values.born);
      entry.guardian = { type: values.parentType ?? 1, number: given(values.parentNumber), name: given(values.parentName), relation: values.relation ?? "mother" };
    }
    return entry;
  }

  checkSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), CHECK_AFTER_MS);
  }

  // A number half typed is no mistake yet: only what is long enough is judged aloud.
  async check() {
    const entry = this.entry();
    const { said } = this;
    const enough = this.type === INFANT ? entry.born && entry.guardian.number : (entry.number?.length ?? 0) >= (PAD_TYPES.includes(this.type) ? 8 : 5);
    if (!enough) {
      this.asked += 1;
      this.knowsPhone(null);
      said.textContent = "";
      said.className = "said";
      return;
    }
    const ask = ++this.asked;
    const unnamed = !entry.name && this.type !== INFANT;
    try {
      const checked = await post("/desk/documents/check", unnamed ? { ...entry, name: "—" } : entry, { unattended: true });
      if (ask !== this.asked) return;
      this.knowsPhone(checked.phone_given_at);
      const unusual = checked.warnings.length ? (current() === "en" ? checked.warnings.join(" · ") : t("document.unusual")) : "";
      said.className = `said ${unusual ? "warn" : "good"}`;
      said.textContent = `${t("document.fits", { last: checked.last_four })}${unusual ? ` · ${unusual}` : ""}`;
    } catch (error) {
      if (ask !== this.asked) return;
      this.knowsPhone(null);
      if (!error.words) return;
      said.className = "said bad";
      said.textContent = `${current() === "en" ? error.words.what : t("problem.document")} · ${t("document.offer")}`;
    }
  }

  async send() {
    if (!desk.tube) {
      this.said.className = "said bad";
      this.said.textContent = t("problem.no-tube");
      return;
    }
    const entry = this.entry();
    const failed = await register(entry, this.offersPhone() && this.samePhone);
    if (!failed) return closePanel();
    this.said.className = "said bad";
    this.said.replaceChildren(
      el("span", {}, `${failed.what} ${failed.next} `),
      failed.document && this.type !== OTHER ? button(t("document.by-hand"), () => this.byHand(), "choice") : "",
    );
  }

  // A number that does not hold never turns anybody away: it goes into the remark.
  byHand() {
    this.values.remark = [this.values.remark, this.values.number].filter(Boolean).join(" · ").slice(0, 120);
    this.values.number = "";
    this.type = OTHER;
    this.show();
  }
}

onLanguage(() => open?.show());
