// The board stays alive, a tile tells more, the language turns. Every page works without this.
"use strict";

const LANGUAGE = "swabmesh-language";
const EVERY_MS = 3000;

function turn(language) {
  const english = language === "en";
  document.documentElement.classList.toggle("en", english);
  document.documentElement.lang = english ? "en" : "zh-CN";
  const button = document.getElementById("language");
  if (button) button.textContent = english ? "中文" : "English";
}

turn(localStorage.getItem(LANGUAGE));
document.getElementById("language")?.addEventListener("click", () => {
  const next = document.documentElement.classList.contains("en") ? "zh" : "en";
  localStorage.setItem(LANGUAGE, next);
  turn(next);
});

const ALERTS = {
  silent: ["久未联系", "not heard for long"],
  behind: ["有数据待同步", "has entries that are not here yet"],
  cases: ["有待本点复核的事", "has cases of its own to decide"],
  ending: ["证书即将到期", "certificate ends soon"],
  withdrawn: ["已撤销", "withdrawn"],
};

function both(pair) {
  return pair.map((text, at) => {
    const span = document.createElement("span");
    span.lang = at === 0 ? "zh" : "en";
    span.textContent = text;
    return span;
  });
}

function pick(tile) {
  const picked = document.getElementById("picked");
  const { name, key, heard, backlog, today, alerts } = tile.dataset;
  const since = heard === "" ? ["从未联系", "never heard"]
    : heard === "0" ? ["在线", "connected"]
    : [`${heard} 分钟前`, `heard ${heard} min ago`];
  const title = document.createElement("b");
  title.textContent = `${name} `;
  const code = document.createElement("code");
  code.textContent = ` ${key.slice(0, 8)} `;
  const facts = both([
    `${since[0]} · 今日 ${today} · 待同步 ${backlog}`,
    `${since[1]} · today ${today} · waiting ${backlog}`,
  ]);
  const wrong = alerts.split(" ").filter((alert) => ALERTS[alert]).flatMap((alert) => {
    const em = document.createElement("em");
    em.className = "warn";
    em.append(...both(ALERTS[alert]));
    return [" ", em];
  });
  picked.replaceChildren(title, code, ...facts, ...wrong);
  picked.hidden = false;
}

document.getElementById("cells")?.addEventListener("click", (event) => {
  const tile = event.target.closest(".tile");
  if (tile) pick(tile);
});

function grouped(value) {
  return typeof value === "number" ? String(value).replace(/\B(?=(\d{3})+(?!\d))/g, "\u2009") : value;
}

function stateOf(node) {
  if (node.alerts.includes("withdrawn") || node.alerts.includes("silent")) return ["bad", "✕"];
  if (node.alerts.length > 0) return ["warn", "!"];
  return node.connected ? ["ok", "●"] : ["away", "○"];
}

function show(live) {
  for (const place of document.querySelectorAll("[data-live]")) {
    const value = live[place.dataset.live];
    if (value !== undefined) place.textContent = grouped(value);
  }
  const bars = document.querySelectorAll("#hours div");
  const most = Math.max(1, ...live.hours);
  live.hours.forEach((count, hour) => {
    const bar = bars[hour];
    if (!bar) return;
    bar.title = `${hour}:00 · ${count}`;
    bar.querySelector("i").className = `h${Math.ceil((count * 20) / most)}`;
  });
  const tiles = new Map([...document.querySelectorAll(".tile")].map((tile) => [tile.dataset.key, tile]));
  const nodes = live.cells.flatMap((cell) => cell.nodes);
  if (nodes.length !== tiles.size) {
    location.reload();
    return;
  }
  for (const node of nodes) {
    const tile = tiles.get(node.key);
    if (!tile) continue;
    const [state, sign] = stateOf(node);
    tile.className = `tile ${state} ${node.role}`;
    tile.querySelector("span").textContent = sign;
    tile.querySelector("b").textContent = grouped(node.registered_today);
    tile.dataset.heard = node.silent_ms === null ? "" : String(Math.floor(node.silent_ms / 60000));
    tile.dataset.backlog = node.backlog;
    tile.dataset.today = node.registered_today;
    tile.dataset.alerts = node.alerts.join(" ");
  }
}

async function refresh() {
  try {
    const answer = await fetch("/city/live", { headers: { accept: "application/json" }, redirect: "error" });
    if (answer.ok) show(await answer.json());
    document.body.classList.remove("stale");
  } catch {
    document.body.classList.add("stale");
  }
}

if (document.getElementById("cells")) setInterval(refresh, EVERY_MS);
