// The page: who is signed in, which view is open, whether the authority answers.

import { button, notice } from "./elements.js";
import * as authority from "./authority.js";
import * as code from "./code.js";
import { forget, keptCode, keptLive } from "./kept.js";
import * as live from "./live.js";
import { Refused, Silent, signedIn, whenSignedOut } from "./page/ask.js";
import { $, put } from "./page/dom.js";
import { apply, onTurn, t } from "./page/text.js";
import * as relatives from "./relatives.js";
import * as results from "./results.js";
import * as signIn from "./sign-in.js";

const VIEWS = { code, live, results, relatives };
const NEEDS_SESSION = ["results", "relatives"];

let who = null;
let open = "code";

// Does something, and says what went wrong.
async function tell(work) {
  try {
    await work();
  } catch (error) {
    if (error instanceof Refused) notice(error.words.what, error.words.next);
    else if (error instanceof Silent) notice(t("silent"), t("silent.next"));
    else notice(t("failed"), error.message);
  }
}

const holdsSomething = () => Boolean(keptCode() || keptLive());

function bar() {
  document.title = t("title");
  const shown = who ?? keptCode() ?? keptLive();
  $("who").textContent = shown ? shown.name : t("title");
  $("leave").hidden = !shown;
  $("tabs").hidden = !shown;
  $("tabs").setAttribute("aria-label", t("tabs"));
  put(
    $("tabs"),
    Object.keys(VIEWS).map((name) => {
      const tab = button(t(`tab.${name}`), () => go(name), "tab");
      if (name === open) tab.setAttribute("aria-current", "page");
      return tab;
    }),
  );
}

async function go(name) {
  open = name;
  await render();
  $("view").scrollTo(0, 0);
  $("view").focus({ preventScroll: true });
}

async function render() {
  live.stop();
  bar();
  const asksToSignIn = !who && (!holdsSomething() || NEEDS_SESSION.includes(open) || !hasKept(open));
  if (asksToSignIn) signIn.show($("view"), tell, entered);
  else await VIEWS[open].show($("view"), tell);
}

const hasKept = (name) => (name === "code" ? Boolean(keptCode()) : name === "live" && Boolean(keptLive()));

async function entered(session) {
  // Whoever was here before leaves nothing behind.
  await forget();
  await began(session);
}

async function began(session) {
  who = session;
  signedIn(session.csrf);
  await render();
  $("view").focus({ preventScroll: true });
}

async function leave() {
  await tell(async () => {
    try {
      await authority.remove("/session");
    } finally {
      // With no network the session ends by itself; what is on the phone goes now.
      await forget();
      who = null;
      open = "code";
      signedIn(null);
      await render();
    }
  });
}

// What was kept is shown at once; the authority is asked behind it.
async function start() {
  if (holdsSomething()) await render();
  try {
    const session = await authority.get("/session");
    if (session.csrf) {
      who = session;
      signedIn(session.csrf);
      bar();
      if (!holdsSomething()) return await render();
      await code.refresh($("view"), tell);
      await live.refresh();
      return;
    }
  } catch (error) {
    if (!(error instanceof Silent)) throw error;
  }
  if (!holdsSomething()) await render();
}

whenSignedOut(() => {
  who = null;
  signedIn(null);
});
authority.whenReach((reached) => ($("offline").hidden = reached));
onTurn(render);
$("leave").addEventListener("click", leave);
apply();
bar();
if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("/resident/worker.js", { scope: "/resident" }).catch(() => {});
}
tell(start);
