// Requests to the authority: the one place that knows the token, the time there, and what silence means.

import { keepOffset, keptOffset } from "./kept.js";
import { refusal } from "./text.js";

const ANSWER_WITHIN_MS = 15_000;
const BASE = "/resident/api";

let csrf = null;
let onSignedOut = () => {};
let onReach = () => {};

export const whenSignedOut = (then) => (onSignedOut = then);
export const whenReach = (then) => (onReach = then);
export const signedIn = (token) => (csrf = token);

// What the authority refused, in the words of the language in use.
export class Refused extends Error {
  constructor(problem, status) {
    super(problem.detail);
    this.name = (problem.type || "").split(":").pop();
    this.status = status;
    this.problem = problem;
  }
  get words() {
    return refusal(this.name, this.problem);
  }
}

// No answer: whether it was done is not known; every request of this page may be repeated.
export class Silent extends Error {}

// The phone's clock may be wrong: by how much is learnt from every answer, and kept for when there is no network.
let offset_ms = keptOffset();
export const now_ms = () => Date.now() + offset_ms;

function learnTime(now, sent, received) {
  offset_ms = now - (sent + received) / 2;
  keepOffset(offset_ms);
}

async function ask(method, path, body, drawing = false) {
  const headers = {};
  if (csrf) headers["x-swabmesh-csrf"] = csrf;
  const request = { method, headers, cache: "no-store", signal: AbortSignal.timeout(ANSWER_WITHIN_MS) };
  if (body !== undefined) {
    headers["content-type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  const sent = Date.now();
  let response;
  let answer;
  try {
    response = await fetch(BASE + path, request);
    if (response.status === 204) answer = null;
    else answer = await (response.ok && drawing ? response.blob() : response.json());
  } catch (error) {
    if (response && !response.ok) throw new Refused({ detail: response.statusText }, response.status);
    onReach(false);
    throw new Silent(String(error));
  }
  onReach(true);
  if (answer?.now) learnTime(answer.now, sent, Date.now());
  if (response.ok) return answer;
  const refused = new Refused(answer, response.status);
  if (refused.status === 401) onSignedOut();
  throw refused;
}

export const get = (path) => ask("GET", path);
export const post = (path, body = {}) => ask("POST", path, body);
export const remove = (path) => ask("DELETE", path);
export const drawing = (path) => ask("POST", path, {}, true);
