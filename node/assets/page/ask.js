// Requests to the node: one place that knows the token, the language of refusals, and what silence means.

import { refusal } from "./text.js";

const ANSWER_WITHIN_MS = 8000;
// Nobody is signed in; the page is locked.
const SIGNED_OUT = [401, 423];

let csrf = null;
let onSignedOut = () => {};

export const signedIn = (token) => (csrf = token);
export const whenSignedOut = (then) => (onSignedOut = then);

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

// `unattended`: nobody's hand caused it; `raw`: the body is bytes; `drawing`: the answer is a picture.
export async function ask(method, path, body, { unattended = false, raw = false, drawing = false, within = ANSWER_WITHIN_MS } = {}) {
  const headers = { accept: drawing ? "image/*" : "application/json" };
  if (csrf) headers["x-swabmesh-csrf"] = csrf;
  if (unattended) headers["x-swabmesh-unattended"] = "1";
  if (body !== undefined) headers["content-type"] = raw ? "application/octet-stream" : "application/json";
  const request = { method, headers, cache: "no-store", signal: AbortSignal.timeout(within) };
  if (body !== undefined) request.body = raw ? body : JSON.stringify(body);
  let response;
  let answer = null;
  try {
    response = await fetch(path, request);
    if (response.status !== 204) answer = await (response.ok && drawing ? response.blob() : response.json());
  } catch (error) {
    if (response && !response.ok) throw new Refused({ detail: response.statusText }, response.status);
    throw new Silent(String(error));
  }
  if (response.ok) return answer;
  if (SIGNED_OUT.includes(response.status)) onSignedOut();
  throw new Refused(answer, response.status);
}

export const get = (path, options) => ask("GET", path, undefined, options);
export const post = (path, body = {}, options) => ask("POST", path, body, options);
export const remove = (path, options) => ask("DELETE", path, undefined, options);
