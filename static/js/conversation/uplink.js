// @ts-check
/**
 * What the microphone and the camera give, on its way to the server: what goes now, what waits
 * and what is shed. Pure: the browser's `bufferedAmount` and the time are passed in.
 *
 * The rule for a slow connection. Texts and acknowledgements do not come by here: they are small
 * and go at once. Voice goes while the browser holds less than a second of it; otherwise it waits,
 * for 5 s at most, and the oldest is shed first. A picture goes only when nothing else waits, and
 * gives way to the next one; when that happens again and again, the camera pauses until the
 * connection has been clear for a while, longer each time.
 */

import { encodeAudio, encodePicture } from "./protocol.js";

/** About a second of voice: what the browser holds cannot be taken back. */
export const VOICE_AHEAD_BYTES = 32 * 1024;
export const VOICE_AGE_MS = 5000;
/** With more than this in the browser's queue, the last picture is still on its way. */
export const PICTURE_AHEAD_BYTES = 4 * 1024;
/** So many pictures in a row that never went: the connection does not carry them. */
export const SHED_PICTURES = 3;
export const CLEAR_MS = 5000;
export const LONGEST_CLEAR_MS = 60000;
/** So many pictures that went: the connection carries them again. */
const WENT_WELL = 30;
const SAMPLES_PER_MS = 16;

export class Uplink {
  isCameraPaused = false;
  /** @type {{pcm: Int16Array, at: number}[]} */
  #voice = [];
  /** @type {ArrayBuffer | null} */
  #picture = null;
  #voiceSeq = 0;
  #pictureSeq = 0;
  #lostMs = 0;
  #shed = 0;
  #went = 0;
  #clearMs = CLEAR_MS;
  /** @type {number | null} */
  #clearSince = null;

  /** @param {Int16Array} pcm 16 kHz mono @param {number} now in ms */
  pushVoice(pcm, now) {
    this.#voice.push({ pcm, at: now });
    this.#shedOld(now);
  }

  /** @param {ArrayBuffer} jpeg */
  pushPicture(jpeg) {
    if (this.isCameraPaused) return;
    if (this.#picture !== null) {
      this.#shed += 1;
      this.#went = 0;
    }
    this.#picture = jpeg;
    if (this.#shed >= SHED_PICTURES) this.#pauseCamera();
  }

  /**
   * The frames to send now, in order.
   * @param {number} buffered the socket's `bufferedAmount` @param {number} now in ms
   * @returns {ArrayBuffer[]}
   */
  take(buffered, now) {
    this.#shedOld(now);
    const frames = [];
    let ahead = buffered;
    while (this.#voice.length && ahead < VOICE_AHEAD_BYTES) {
      const { pcm } = /** @type {{pcm: Int16Array}} */ (this.#voice.shift());
      frames.push(encodeAudio(this.#voiceSeq, pcm));
      this.#voiceSeq += 1;
      ahead += frames[frames.length - 1].byteLength;
    }
    const isClear = buffered <= PICTURE_AHEAD_BYTES && !this.#voice.length;
    this.#watchLine(isClear, now);
    if (isClear && this.#picture !== null) frames.push(this.#takePicture(this.#picture));
    return frames;
  }

  /** Milliseconds of voice that were shed since the last call. */
  takeLost() {
    const lost = this.#lostMs;
    this.#lostMs = 0;
    return lost;
  }

  /** The microphone is off: nothing of it matters any more. */
  clearVoice() {
    this.#voice = [];
  }

  /** The camera is off. */
  clearPictures() {
    this.#picture = null;
    this.isCameraPaused = false;
    this.#shed = 0;
  }

  /** A new socket counts its frames anew. */
  restart() {
    this.#voiceSeq = 0;
    this.#pictureSeq = 0;
    this.#picture = null;
  }

  /** @param {ArrayBuffer} jpeg */
  #takePicture(jpeg) {
    this.#picture = null;
    this.#shed = 0;
    this.#went += 1;
    if (this.#went >= WENT_WELL) this.#clearMs = CLEAR_MS;
    this.#pictureSeq += 1;
    return encodePicture(this.#pictureSeq - 1, jpeg);
  }

  #pauseCamera() {
    this.isCameraPaused = true;
    this.#picture = null;
    this.#shed = 0;
    this.#clearSince = null;
  }

  /** @param {boolean} isClear @param {number} now */
  #watchLine(isClear, now) {
    if (!this.isCameraPaused) return;
    if (!isClear) this.#clearSince = null;
    else this.#clearSince ??= now;
    if (this.#clearSince === null || now - this.#clearSince < this.#clearMs) return;
    this.isCameraPaused = false;
    this.#clearMs = Math.min(LONGEST_CLEAR_MS, this.#clearMs * 2);
  }

  /** @param {number} now */
  #shedOld(now) {
    while (this.#voice.length && now - this.#voice[0].at > VOICE_AGE_MS) {
      const { pcm } = /** @type {{pcm: Int16Array}} */ (this.#voice.shift());
      this.#lostMs += pcm.length / SAMPLES_PER_MS;
    }
  }
}
