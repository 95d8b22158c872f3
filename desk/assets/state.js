// What this desk is about: who is signed in, which tube is filled. Kept in the browser, checked with the node.

const TUBE_KEPT_AS = "swabmesh.tube";
const POOL_KEPT_AS = "swabmesh.pool";
const POOLS = [1, 5, 10, 20];

const watchers = new Set();

export const desk = {
  operator: null,
  duty: null,
  site: "",
  // The tube this desk fills: { barcode, count, pool }.
  tube: null,
  pool: POOLS.includes(Number(localStorage.getItem(POOL_KEPT_AS))) ? Number(localStorage.getItem(POOL_KEPT_AS)) : 10,
};

export const pools = POOLS;
export const keptTube = () => localStorage.getItem(TUBE_KEPT_AS);
export const isSupervisor = () => desk.duty === "supervisor";

export function onChange(watcher) {
  watchers.add(watcher);
}

export function change(changes) {
  Object.assign(desk, changes);
  if (desk.tube) localStorage.setItem(TUBE_KEPT_AS, desk.tube.barcode);
  else localStorage.removeItem(TUBE_KEPT_AS);
  localStorage.setItem(POOL_KEPT_AS, String(desk.pool));
  for (const watcher of watchers) watcher();
}
