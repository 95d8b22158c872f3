// Results: one's own first, then each relative's; in words, a colour and a sign, never a colour alone.

import { button } from "./elements.js";
import { get } from "./authority.js";
import { el, put } from "./page/dom.js";
import { t } from "./page/text.js";
import { moment } from "./time.js";

const SIGNS = { negative: "✓", positive: "!", retest: "!", again: "↻", waiting: "…" };

function line(one) {
  return el(
    "li.result." + one.told,
    {},
    el("span.sign", { "aria-hidden": "true" }, SIGNS[one.told]),
    el(
      "div",
      {},
      el("b", {}, t(`result.${one.told}`), one.preliminary && el("small", {}, t("result.preliminary"))),
      el("span", {}, t("sampled", { at: moment(one.at) })),
      (one.told !== "negative" || one.disputed) && el("span", {}, one.disputed ? t("result.disputed") : t(`result.${one.told}.next`)),
    ),
  );
}

const list = (results) =>
  results.length ? el("ul.results", {}, results.map(line)) : el("p.lead", {}, t("results.none"));

export async function show(view, tell) {
  put(view, el("h1", {}, t("results.title")), el("p.lead", { role: "status" }, t("loading")));
  let found = null;
  await tell(async () => (found = await get("/results")));
  const again = button(t("results.again"), () => show(view, tell));
  if (!found) return put(view, el("h1", {}, t("results.title")), el("p.lead", {}, t("results.online")), again);
  put(
    view,
    el("h1", {}, t("results.title")),
    el("h2", {}, t("results.own")),
    list(found.own),
    found.relatives.map((one) => [
      el("h2", {}, `${one.relation} · ${one.name} (${t("last-four", { digits: one.last_four })})`),
      list(one.results),
    ]),
    again,
  );
}
