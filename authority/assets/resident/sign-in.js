// Signing in: document and name, as they were registered.

import { button } from "./elements.js";
import { post } from "./authority.js";
import { el, put } from "./page/dom.js";
import { t } from "./page/text.js";

// In the order in which people have them; infants have no number of their own and get codes as relatives.
export const DOCUMENTS = [1, 2, 3, 4, 5, 6, 7, 9];

export function proofFields(prefix) {
  const document = el("select", { id: `${prefix}-type` }, DOCUMENTS.map((type) => el("option", { value: String(type) }, t(`document.${type}`))));
  const number = el("input", { id: `${prefix}-number`, type: "text", required: true, autocomplete: "off", autocapitalize: "characters", spellcheck: false, maxLength: 40 });
  const name = el("input", { id: `${prefix}-name`, type: "text", required: true, autocomplete: "off", spellcheck: false, maxLength: 60 });
  const label = (key, field) => el("label", { for: field.id }, el("span", {}, t(key)), field);
  return {
    fields: [label("field.document", document), label("field.number", number), label("field.name", name)],
    read: () => ({ type: Number(document.value), number: number.value.trim(), name: name.value.trim() }),
  };
}

// A form whose button is also pressed by Enter.
export function form(fields, words, work) {
  const send = button(words, () => (made.reportValidity() ? work() : undefined), "strong.big");
  const made = el("form", { onsubmit: (event) => (event.preventDefault(), send.click()) }, ...fields, send);
  return made;
}

export function show(view, tell, entered) {
  const proof = proofFields("proof");
  put(
    view,
    el("h1", {}, t("sign-in.title")),
    el("p.lead", {}, t("sign-in.lead")),
    form(proof.fields, t("sign-in"), () => tell(async () => entered(await post("/session", proof.read())))),
    el("p.hint", {}, t("sign-in.hint")),
  );
}
