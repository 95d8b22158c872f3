// The camera, continuously: frames are read by the browser where it can, else by the node; the same code is ignored
// for some seconds, so nobody is asked to hold still or to press anything.

import { button, notice } from "./elements.js";
import { post } from "./page/ask.js";
import { $, el, put } from "./page/dom.js";
import { onLanguage, t } from "./page/text.js";

const SAME_CODE_MS = 4000;
// A label has one check character, and what is no code of ours may be a shadow: two frames must agree.
const AGREE_WITHIN_MS = SAME_CODE_MS;
const CODE = /^hs1:/i;
const FRAME_WIDTH_MAX = 960;
const IN_FLIGHT_MAX = 2;
const RATE_OVER_MS = 2000;

let stream = null;
let video = null;
let torch = false;
let found = () => {};
let running = false;
const seen = new Map();
const doubtful = new Map();
const answered = [];

export function whenFound(then) {
  found = then;
}

export const framesPerSecond = () => {
  const since = performance.now() - RATE_OVER_MS;
  while (answered.length && answered[0] < since) answered.shift();
  return answered.length / (RATE_OVER_MS / 1000);
};

export async function toggle() {
  if (stream) stop();
  else await start();
}

async function start() {
  if (!navigator.mediaDevices?.getUserMedia) {
    notice(t("camera.needs-https"), "bad");
    return;
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } },
    });
  } catch (error) {
    notice(t("camera.refused", { why: error.name }), "bad");
    return;
  }
  video = el("video", { playsInline: true, muted: true, autoplay: true, "aria-label": t("camera.picture") });
  video.srcObject = stream;
  await video.play();
  render();
  running = true;
  loop();
}

export function stop() {
  running = false;
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  video = null;
  torch = false;
  render();
}

async function toggleTorch() {
  torch = !torch;
  try {
    await stream.getVideoTracks()[0].applyConstraints({ advanced: [{ torch }] });
  } catch {
    torch = false;
    notice(t("camera.no-torch"), "bad");
  }
  render();
}

export function render() {
  const box = $("camera");
  if (!box) return;
  box.hidden = !stream;
  if (!stream) return box.replaceChildren();
  const capable = stream.getVideoTracks()[0].getCapabilities?.().torch;
  put(
    box,
    el("div.camera-frame", {}, video, el("div.camera-aim", { "aria-hidden": "true" })),
    el("div.row", {}, capable ? button(torch ? t("camera.torch-off") : t("camera.torch-on"), toggleTorch) : null, button(t("camera.stop"), stop)),
  );
}

async function detector() {
  if (!("BarcodeDetector" in window)) return null;
  try {
    const formats = await BarcodeDetector.getSupportedFormats();
    const wanted = ["qr_code", "code_128"].filter((format) => formats.includes(format));
    return wanted.includes("qr_code") ? new BarcodeDetector({ formats: wanted }) : null;
  } catch {
    return null;
  }
}

async function loop() {
  const own = await detector();
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let inFlight = 0;
  while (running) {
    await nextFrame();
    if (!running || !video.videoWidth) continue;
    if (own) {
      const codes = await own.detect(video).catch(() => []);
      answered.push(performance.now());
      codes.forEach((code) => take(code.rawValue));
      continue;
    }
    // A node that is slower than the camera gets fewer frames, not a longer queue.
    if (inFlight >= IN_FLIGHT_MAX) continue;
    const scale = Math.min(1, FRAME_WIDTH_MAX / video.videoWidth);
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    const grey = toGrey(context.getImageData(0, 0, canvas.width, canvas.height).data);
    inFlight += 1;
    post(`/desk/frame?width=${canvas.width}&height=${canvas.height}`, grey, { raw: true, unattended: true })
      .then((answer) => {
        answered.push(performance.now());
        answer.texts.forEach(take);
      })
      .catch(() => {})
      .finally(() => (inFlight -= 1));
  }
}

function nextFrame() {
  return new Promise((resolve) => {
    if (video?.requestVideoFrameCallback) video.requestVideoFrameCallback(resolve);
    else requestAnimationFrame(resolve);
    // A camera that stops giving frames must not keep the loop for ever.
    setTimeout(resolve, 1000);
  });
}

function toGrey(rgba) {
  const grey = new Uint8Array(rgba.length / 4);
  for (let at = 0, from = 0; at < grey.length; at += 1, from += 4) {
    grey[at] = (rgba[from] * 77 + rgba[from + 1] * 150 + rgba[from + 2] * 29) >> 8;
  }
  return grey;
}

function isAgreed(text, now) {
  if (CODE.test(text)) return true;
  for (const [old, at] of doubtful) if (now - at > AGREE_WITHIN_MS) doubtful.delete(old);
  const agreed = doubtful.has(text);
  doubtful.set(text, now);
  return agreed;
}

function take(text) {
  const now = performance.now();
  if (!isAgreed(text, now)) return;
  for (const [old, at] of seen) if (now - at > SAME_CODE_MS) seen.delete(old);
  const known = seen.has(text);
  // As long as it stays in the picture it stays ignored.
  seen.set(text, now);
  if (!known) found(text);
}

onLanguage(render);
