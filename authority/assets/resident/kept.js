// What the phone keeps, so that codes open with no network: the last code, the live credential, and its key, which no script can read.

const CODE = "swabmesh.resident.code";
const LIVE = "swabmesh.resident.live";
const OFFSET = "swabmesh.resident.offset";
const KEY = "phone";

const read = (name) => {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
};
const write = (name, value) => localStorage.setItem(name, JSON.stringify(value));

export const keptCode = () => read(CODE);
export const keepCode = (code) => write(CODE, code);
export const keptLive = () => read(LIVE);
export const keepLive = (live) => write(LIVE, live);
export const keptOffset = () => Number(read(OFFSET)) || 0;
export const keepOffset = (offset) => write(OFFSET, Math.round(offset));

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

async function keys(mode, act) {
  const opening = indexedDB.open("swabmesh.resident", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
  const database = await done(opening);
  try {
    return await done(act(database.transaction("keys", mode).objectStore("keys")));
  } finally {
    database.close();
  }
}

// The phone's key pair; made the first time. The private half cannot be exported, not even by this page.
export async function phoneKey() {
  const kept = await keys("readonly", (store) => store.get(KEY));
  if (kept) return kept;
  const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
  await keys("readwrite", (store) => store.put(pair, KEY));
  return pair;
}

export async function publicHex(pair) {
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return [...raw].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Forgets whoever was signed in: the next one gets nothing of theirs.
export async function forget() {
  localStorage.removeItem(CODE);
  localStorage.removeItem(LIVE);
  await keys("readwrite", (store) => store.clear());
}
