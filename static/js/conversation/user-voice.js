// @ts-check
/**
 * The user's voice on its way to the server: numbered frames, and the last 3 s kept while
 * there is no connection, so that words spoken into a short gap are not lost.
 */

import { encodeAudio } from "./protocol.js";

const KEPT_FRAMES = 94; // of 32 ms

export class UserVoice {
  /** @param {(frame: ArrayBuffer) => boolean} send false: it cannot go out now */
  constructor(send) {
    this.#send = send;
  }

  #send;
  /** @type {Int16Array[]} */
  #waiting = [];
  #seq = 0;

  /** @param {Int16Array} pcm 16 kHz mono */
  push(pcm) {
    this.#waiting.push(pcm);
    if (this.#waiting.length > KEPT_FRAMES) this.#waiting.shift();
    while (this.#waiting.length && this.#send(encodeAudio(this.#seq, this.#waiting[0]))) {
      this.#seq += 1;
      this.#waiting.shift();
    }
  }

  clear() {
    this.#waiting = [];
  }

  /** A new socket counts its frames anew. */
  restart() {
    this.#seq = 0;
  }
}
