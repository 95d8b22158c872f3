// A sound of its own for each colour, for whoever does not look: up for green, twice level for amber, low for red.

const SOUNDS = {
  green: [[660, 0, 0.08], [990, 0.09, 0.14]],
  amber: [[620, 0, 0.12], [620, 0.2, 0.12]],
  red: [[200, 0, 0.25], [150, 0.3, 0.4]],
  tube: [[440, 0, 0.06]],
};
const LOUDNESS = 0.35;

let context = null;

// Browsers give sound only after a touch or a key: any of them will do.
function wake() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume();
}
addEventListener("pointerdown", wake, { capture: true });
addEventListener("keydown", wake, { capture: true });

export function play(name) {
  if (!context) return;
  for (const [pitch, after, length] of SOUNDS[name]) {
    const start = context.currentTime + after;
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.type = name === "red" ? "sawtooth" : "sine";
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(LOUDNESS, start);
    volume.gain.exponentialRampToValueAtTime(0.001, start + length);
    tone.connect(volume).connect(context.destination);
    tone.start(start);
    tone.stop(start + length);
  }
}
