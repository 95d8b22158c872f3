// A stick instead of a network: everything the authority lacks goes into a file, receipts come back in one.

import { openPanel, panelBody, refusedNotice } from "./elements.js";
import { post } from "./page/ask.js";
import { el, put } from "./page/dom.js";
import { t } from "./page/text.js";

const WITHIN_MS = 600_000;

export function openBundles() {
  openPanel(t("bundle.title"), parts());
}

// Both ways, for a panel of their own or the end of the day.
export function parts() {
  const said = el("p.said", { role: "status", id: "bundle-said" });
  const field = el("input", { id: "bundle-file", type: "file", accept: ".swab,application/octet-stream", onchange: () => field.files[0] && take(field.files[0], said) });
  return [
    el("h3", {}, t("bundle.export")),
    el("p.hint", {}, t("bundle.export.hint")),
    el("p", {}, el("a.button.strong", { href: "/desk/bundle", download: "" }, t("bundle.save"))),
    el("h3", {}, el("label", { for: "bundle-file" }, t("bundle.import"))),
    el("p.hint", {}, t("bundle.import.hint")),
    field,
    said,
  ];
}

async function take(file, said) {
  put(said, t("loading"));
  try {
    const report = await post("/desk/bundle", file, { raw: true, within: WITHIN_MS });
    const whole = report.whole && !report.refused;
    said.className = `said ${whole ? "good" : "bad"}`;
    put(said, t(whole ? "bundle.taken" : "bundle.partly", { entries: report.entries, known: report.known, refused: report.refused }));
  } catch (error) {
    if (panelBody()) put(said);
    refusedNotice(error);
  }
}
