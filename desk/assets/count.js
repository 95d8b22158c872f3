// A count by hand beside the count of the system: two numbers that agree or do not.

import { el } from "./page/dom.js";
import { t } from "./page/text.js";

// `system` is null when nobody told this node; `counted(n)` is called with what was typed.
export function counting({ id, system, action, counted, more = [] }) {
  const field = el("input.count-by-hand", { id, type: "number", inputmode: "numeric", min: "0", max: "9999", required: true, autocomplete: "off" });
  const said = el("p.said", { role: "status" });
  field.addEventListener("input", () => {
    const differs = field.value !== "" && system !== null && Number(field.value) !== system;
    said.textContent = field.value === "" || system === null ? "" : differs ? t("count.differs", { counted: Number(field.value), system }) : t("count.agrees");
    said.className = `said ${differs ? "bad" : "good"}`;
  });
  const send = (event) => {
    event.preventDefault();
    if (field.value !== "") counted(Number(field.value));
  };
  return el(
    "form.form",
    { onsubmit: send },
    el("div.counts", {}, el("div.count", {}, el("span", {}, t("count.system")), el("b", {}, system === null ? "?" : String(system))), el("div.count", {}, el("label", { for: id }, t("count.by-hand")), field)),
    said,
    ...more,
    el("button.strong", { type: "submit" }, action),
  );
}

// What earlier counts said, each against what was packed.
export function miscounts(list) {
  return list.map((one) => el("p.tube-full", { role: "alert" }, t("count.miscounted", { counted: one.counted, packed: one.packed, operator: one.by.operator })));
}
