// Requests to the authority: they may take long, and each answer tells the time there.

import { keepOffset, keptOffset } from "./kept.js";
import { Silent, ask } from "./page/ask.js";

const ANSWER_WITHIN_MS = 15_000;
const BASE = "/resident/api";

let onReach = () => {};

export const whenReach = (then) => (onReach = then);

// The phone's clock may be wrong: by how much is learnt from every answer, and kept for when there is no network.
let offset_ms = keptOffset();
export const now_ms = () => Date.now() + offset_ms;

function learnTime(now, sent, received) {
  offset_ms = now - (sent + received) / 2;
  keepOffset(offset_ms);
}

// Every request of this page may be repeated: after silence it is not known whether it was done.
async function request(method, path, body, drawing = false) {
  const sent = Date.now();
  try {
    const answer = await ask(method, BASE + path, body, { drawing, within: ANSWER_WITHIN_MS });
    if (answer?.now) learnTime(answer.now, sent, Date.now());
    onReach(true);
    return answer;
  } catch (error) {
    onReach(!(error instanceof Silent));
    throw error;
  }
}

export const get = (path) => request("GET", path);
export const post = (path, body = {}) => request("POST", path, body);
export const remove = (path) => request("DELETE", path);
export const drawing = (path) => request("POST", path, {}, true);
