// Requests to the node: one place that knows the token, the language of refusals, and what silence means.

import { refusal } from "./text.js";

const ANSWER_WITHIN_MS = 8000;

let csrf = null;
let onSignedOut = () => {};

export function signedIn(token) {
  csrf = token;
}

export function whenSignedOut(then) {
  onSignedOut = then;
}

// What the node refused, in the words of the language in use.
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

// The node did not answer: whether it did what was asked is not known.
export class Silent extends Error {}

async function ask(method, path, body, { unattended = false, raw = false, within = ANSWER_WITHIN_MS } = {}) {
  const headers = { accept: "application/json" };
  if (csrf) headers["x-swabmesh-csrf"] = csrf;
  if (unattended) headers["x-swabmesh-unattended"] = "1";
  const request = { method, headers, cache: "no-store", signal: AbortSignal.timeout(within) };
  if (raw) {
    headers["content-type"] = "application/octet-stream";
    request.body = body;
  } else if (body !== undefined) {
    headers["content-type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  let response;
  let answer;
  try {
    response = await fetch(path, request);
    answer = await response.json();
  } catch (error) {
    if (response && !response.ok) throw new Refused({ detail: response.statusText }, response.status);
    throw new Silent(String(error));
  }
  if (response.ok) return answer;
  const refused = new Refused(answer, response.status);
  if (refused.status === 401 || refused.status === 423) onSignedOut();
  throw refused;
}

export const get = (path, options) => ask("GET", path, undefined, options);
export const post = (path, body = {}, options) => ask("POST", path, body, options);
export const remove = (path) => ask("DELETE", path);
