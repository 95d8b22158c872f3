// Scans wait here in order: they may come faster than answers, and a node that is being restarted answers later.

import { Refused, Silent } from "./page/ask.js";

const WAITING_MAX = 50;
const AGAIN_AFTER_MS = 700;

export class Queue {
  #work;
  #changed;
  #waiting = [];
  #busy = false;

  // `work` answers one scan or throws; `changed` hears how many wait and whether the node is silent.
  constructor(work, changed) {
    this.#work = work;
    this.#changed = changed;
  }

  // False when nothing more can wait: the operator must be told to slow down.
  push(scan) {
    if (this.#waiting.length >= WAITING_MAX) return false;
    this.#waiting.push(scan);
    this.#changed(this.#waiting.length, false);
    this.#run();
    return true;
  }

  get length() {
    return this.#waiting.length;
  }

  async #run() {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting.length) {
      const scan = this.#waiting[0];
      try {
        await this.#work(scan);
        this.#waiting.shift();
        this.#changed(this.#waiting.length, false);
      } catch (error) {
        const later = error instanceof Silent || (error instanceof Refused && [401, 423, 503].includes(error.status));
        if (!later) throw error;
        // Nothing is lost: the first in the queue is asked again until the node answers.
        scan.attempts = (scan.attempts ?? 0) + 1;
        this.#changed(this.#waiting.length, true, error);
        await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
      }
    }
    this.#busy = false;
  }
}
