// The live code: signed here every ten seconds, with or without a network; a picture of it is worthless a minute later (C5).

import { button } from "./elements.js";
import { keepLive, keptLive, phoneKey, publicHex } from "./kept.js";
import { now_ms, post } from "./authority.js";
import { el, put } from "./page/dom.js";
import { t } from "./page/text.js";
import { present } from "./presentation.js";
import { qr } from "./card.js";
import { clockTime } from "./page/time.js";
import { until } from "./time.js";

// A presentation lives 30 s: whoever scans gets one with at least 20 s left.
const REDRAW_MS = 10_000;
const TICK_MS = 250;
// A credential that ends this soon is asked for again while there is a network.
const RENEW_MS = 3 * 86_400_000;

let ticking = null;

export function stop() {
  clearInterval(ticking);
  ticking = null;
}

const canSign = () => globalThis.isSecureContext && Boolean(crypto.subtle);

async function begin(view, tell) {
  await tell(async () => {
    const device = await publicHex(await phoneKey());
    keepLive({ ...(await post("/live", { device })), device });
    await show(view, tell);
  });
}

function unable(view, words) {
  put(view, el("h1", {}, t("live.title")), el("p.lead", {}, words));
}

export async function show(view, tell) {
  stop();
  if (!canSign()) return unable(view, t("live.insecure"));
  const live = keptLive();
  if (!live || live.expires_at <= now_ms()) {
    put(
      view,
      el("h1", {}, t("live.title")),
      el("p.lead", {}, t("live.lead")),
      button(t("live.begin"), () => begin(view, tell), "strong.big"),
      el("p.hint", {}, t("live.hint")),
    );
    return;
  }
  const pair = await phoneKey();
  const symbolAt = el("div.symbol");
  const time = el("p.clock", { "aria-hidden": "true" });
  const left = el("progress", { max: REDRAW_MS, "aria-label": t("live.left") });
  put(
    view,
    el(
      "section.card.live",
      { "aria-labelledby": "card-title" },
      el("h1", { id: "card-title" }, t("live.title")),
      el("p.name", {}, el("span", {}, live.name), el("span.digits", {}, t("last-four", { digits: live.last_four }))),
      symbolAt,
      time,
      left,
      el("p.hint", {}, t("live.moves")),
      el("p.hint", {}, `${t("valid-until")} ${until(live.expires_at, now_ms()).moment}`),
    ),
  );
  let signed = -Infinity;
  let signing = false;
  const tick = async () => {
    if (document.hidden || signing) return;
    const now = now_ms();
    time.textContent = clockTime(now);
    left.value = Math.max(0, signed + REDRAW_MS - now);
    // A clock that was set back counts as well.
    if (Math.abs(now - signed) < REDRAW_MS) return;
    signing = true;
    try {
      const text = await present(live.text, pair.privateKey, Math.floor(now / 1000));
      symbolAt.replaceChildren(qr(text, t("qr.label", { title: t("live.title"), name: live.name, digits: live.last_four })));
      signed = now;
      left.value = REDRAW_MS;
    } catch {
      // The key is not the credential's any more, or the browser lost it: both are made anew.
      stop();
      keepLive(null);
      unable(view, t("live.lost"));
    } finally {
      signing = false;
    }
  };
  await tick();
  if (keptLive()) ticking = setInterval(tick, TICK_MS);
}

// Asks for the next credential before this one ends.
export async function refresh() {
  const live = keptLive();
  if (!live || !canSign() || live.expires_at - now_ms() > RENEW_MS) return;
  const device = await publicHex(await phoneKey());
  keepLive({ ...(await post("/live", { device })), device });
}
