// What is needed once a shift: scanner test, tablets, people, signing out.

import { button, closePanel, notice, openPanel, panelBody, refusedNotice } from "./elements.js";
import { get, post, remove } from "./page/ask.js";
import { el } from "./page/dom.js";
import { t } from "./page/text.js";
import { signOut } from "./sign-in.js";
import { desk, isSupervisor } from "./state.js";

// `more` is what only this page has: pairs of a text's key and what it opens.
export function openTools(more = []) {
  openPanel(t("tools"), [
    el(
      "div.tools",
      {},
      more.map(([key, open]) => button(t(key), open, "choice")),
      button(t("test.title"), openTest, "choice"),
      button(t("tablets.title"), openTablets, "choice"),
      isSupervisor() ? button(t("people.title"), openPeople, "choice") : null,
      button(t("people.own-pin"), () => changePin(desk.operator), "choice"),
      button(t("sign-out"), () => (closePanel(), signOut()), "choice"),
    ),
  ]);
}

let test = null;

// While the test is open its scans register nobody.
export const isTesting = () => test !== null;

function openTest() {
  const keys = el("output.keys", { id: "test-keys" });
  const list = el("ol.tests", { id: "test-list" });
  openPanel(t("test.title"), [el("p.lead", {}, t("test.hint")), keys, list], () => (test = null));
  test = { keys, list, from: null };
}

export function testKey(key, ends) {
  if (!test) return;
  test.from ??= performance.now();
  test.keys.textContent += ends ? ` [${key}]` : key;
}

export function testScan(text) {
  const took = Math.round(performance.now() - (test.from ?? performance.now()));
  const suffix = /\[(Enter|Tab)\]$/.exec(test.keys.textContent)?.[1];
  test.list.prepend(
    el(
      "li",
      {},
      el("code", {}, text),
      el("p", {}, t("test.result", { chars: text.length, ms: took, per: (took / Math.max(1, text.length)).toFixed(1), end: suffix ?? t("test.silence") })),
      el("p.hint", {}, /^hs1:/i.test(text.normalize("NFKC")) ? t("test.code") : t("test.other")),
    ),
  );
  test.keys.textContent = "";
  test.from = null;
}

async function openTablets() {
  openPanel(t("tablets.title"), [el("p", {}, t("loading"))]);
  try {
    const invitations = await get("/desk/tablets");
    panelBody()?.replaceChildren(
      ...(invitations.length
        ? [el("p.lead", {}, t("tablets.hint")), ...invitations.map(invitation), el("p", {}, el("a.button", { href: "/desk/certificate.pem", download: "swabmesh.pem" }, t("tablets.certificate")))]
        : [el("p.lead", {}, t("tablets.off"))]),
    );
  } catch (error) {
    refusedNotice(error);
  }
}

function invitation({ url, symbol, fingerprint }) {
  const picture = el("img.symbol", { alt: t("tablets.symbol", { url }), src: URL.createObjectURL(new Blob([symbol], { type: "image/svg+xml" })) });
  return el("div.invitation", {}, picture, el("div", {}, el("p.lead", {}, url), el("p.hint", {}, t("tablets.fingerprint")), el("code", {}, fingerprint)));
}

async function openPeople() {
  openPanel(t("people.title"), [el("p", {}, t("loading"))]);
  try {
    showPeople(await get("/desk/operators"));
  } catch (error) {
    refusedNotice(error);
  }
}

function showPeople(people) {
  const act = (what) => async () => {
    try {
      showPeople(await what());
    } catch (error) {
      refusedNotice(error);
    }
  };
  const line = (person) =>
    el(
      "li",
      {},
      el("span", {}, `${person.name} · ${t(`duty.${person.duty}`)}`),
      button(t("people.reset"), () => changePin(person.name), "quiet"),
      person.name === desk.operator ? null : button(t("people.remove"), act(() => remove(`/desk/operators/${encodeURIComponent(person.name)}`)), "quiet"),
    );
  const name = el("input", { id: "new-name", type: "text", maxLength: 16, autocomplete: "off", required: true });
  const pin = el("input", { id: "new-pin", type: "password", inputmode: "numeric", maxLength: 12, autocomplete: "new-password", required: true });
  const duty = el("select", { id: "new-duty" }, ["operator", "supervisor"].map((duty) => el("option", { value: duty }, t(`duty.${duty}`))));
  const add = act(() => post("/desk/operators", { name: name.value.trim(), duty: duty.value, pin: pin.value }));
  panelBody()?.replaceChildren(
    el("ul.people.operators", {}, people.map(line)),
    el("h3", {}, t("people.add")),
    el("form.form", { onsubmit: (event) => (event.preventDefault(), add()) }, el("label", { for: "new-name" }, t("setup.name")), name, el("label", { for: "new-duty" }, t("people.duty")), duty, el("label", { for: "new-pin" }, t("setup.pin")), pin, el("button.strong", { type: "submit" }, t("people.add"))),
  );
}

function changePin(name) {
  const pin = el("input", { id: "changed-pin", type: "password", inputmode: "numeric", maxLength: 12, autocomplete: "new-password", required: true });
  const send = async (event) => {
    event.preventDefault();
    try {
      await post(`/desk/operators/${encodeURIComponent(name)}/pin`, { pin: pin.value });
      notice(t("people.pin-changed", { name }), "good");
      closePanel();
    } catch (error) {
      refusedNotice(error);
    }
  };
  openPanel(t("people.pin-of", { name }), [el("form.form", { onsubmit: send }, el("label", { for: "changed-pin" }, t("setup.pin")), pin, el("button.strong", { type: "submit" }, t("people.change-pin")))]);
}
