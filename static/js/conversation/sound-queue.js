// @ts-check
/**
 * The agent's voice between network and loudspeaker: pieces of PCM in, blocks for the audio
 * hardware out. Pure; runs in the playback worklet.
 *
 * The network is faster than the voice, so minutes may wait here: they are kept as they
 * came, 24 kHz PCM16, and converted to the hardware's rate piece by piece when their time
 * comes. When `MAX_BYTES` are full, the oldest goes.
 */

import { OUTPUT_RATE_HZ } from "./protocol.js";
import { Resampler } from "./resampler.js";

const MAX_BYTES = 8 * 1024 * 1024; // 175 s
/** So much is gathered before sound begins, or begins again after it ran dry. */
const CUSHION_MS = 60;
/** A voice that is cut off fades this long: no click. */
const FADE_MS = 6;

/** @typedef {{stream: number, pcm: Int16Array}} Piece */

export class SoundQueue {
  /** @param {number} hardwareHz */
  constructor(hardwareHz) {
    this.#hz = hardwareHz;
    this.#resampler = new Resampler(OUTPUT_RATE_HZ, hardwareHz);
    this.#fadeSamples = Math.round((FADE_MS * hardwareHz) / 1000);
  }

  #hz;
  #resampler;
  #fadeSamples;
  /** @type {Piece[]} */
  #pieces = [];
  /** @type {Float32Array} the piece that plays, at the hardware's rate */
  #block = new Float32Array(0);
  /** @type {Piece | null} what the block was made of */
  #piece = null;
  #at = 0;
  #bytes = 0;
  #isPlaying = false;
  #waitedMs = 0;
  #fadeLeft = -1;
  #droppedSamples = 0;
  /** @type {Map<number, number>} stream -> samples played, at 24 kHz */
  #played = new Map();

  /** @param {number} stream @param {Int16Array} pcm 24 kHz mono */
  push(stream, pcm) {
    if (this.#fadeLeft >= 0) this.#clear();
    this.#pieces.push({ stream, pcm });
    this.#bytes += pcm.byteLength;
    while (this.#bytes > MAX_BYTES) this.#forgetOldest();
  }

  /** Cut the voice off; what waits is not wanted any more. */
  cut() {
    if (this.#isPlaying && this.#fadeLeft < 0) this.#fadeLeft = this.#fadeSamples;
    else if (!this.#isPlaying) this.#clear();
  }

  /** A new answer begins under this stream number. @param {number} stream */
  begin(stream) {
    this.#played.delete(stream);
  }

  /** Fill `output`; silence where there is nothing. @param {Float32Array} output */
  pull(output) {
    output.fill(0);
    if (!this.#isPlaying && !this.#mayBegin(output.length)) return;
    this.#isPlaying = true;
    let filled = 0;
    while (filled < output.length && (this.#at < this.#block.length || this.#nextBlock())) {
      if (!this.#block.length) continue;
      const part = this.#block.subarray(this.#at, this.#at + output.length - filled);
      output.set(part, filled);
      this.#at += part.length;
      filled += part.length;
      this.#count(part.length / this.#block.length);
    }
    this.#isPlaying = filled === output.length;
    if (this.#fadeLeft >= 0) this.#fade(output);
  }

  get isPlaying() {
    return this.#isPlaying;
  }

  /** Milliseconds that wait, the rest of the current piece not counted. */
  get queuedMs() {
    return (this.#bytes / 2 / OUTPUT_RATE_HZ) * 1000;
  }

  get droppedMs() {
    return (this.#droppedSamples / OUTPUT_RATE_HZ) * 1000;
  }

  /** @returns {{stream: number, ms: number} | null} of the answer that plays or played last */
  get played() {
    if (!this.#piece) return null;
    const samples = this.#played.get(this.#piece.stream) ?? 0;
    return { stream: this.#piece.stream, ms: (samples / OUTPUT_RATE_HZ) * 1000 };
  }

  /** Wait for a cushion, but not longer than it would take to play. @param {number} samples */
  #mayBegin(samples) {
    if (!this.#bytes) {
      this.#waitedMs = 0;
      return false;
    }
    this.#waitedMs += (samples / this.#hz) * 1000;
    return this.queuedMs >= CUSHION_MS || this.#waitedMs >= CUSHION_MS;
  }

  #nextBlock() {
    const piece = this.#pieces.shift();
    if (!piece) return false;
    this.#bytes -= piece.pcm.byteLength;
    this.#waitedMs = 0;
    this.#block = this.#resampler.process(Float32Array.from(piece.pcm, (value) => value / 32768));
    this.#piece = piece;
    this.#at = 0;
    if (!this.#block.length) this.#count(1); // too short to make a sample of its own
    return true;
  }

  /** @param {number} share of the current piece that was played just now */
  #count(share) {
    if (!this.#piece) return;
    const { stream, pcm } = this.#piece;
    this.#played.set(stream, (this.#played.get(stream) ?? 0) + pcm.length * share);
  }

  #forgetOldest() {
    const piece = this.#pieces.shift();
    if (!piece) return;
    this.#bytes -= piece.pcm.byteLength;
    this.#droppedSamples += piece.pcm.length;
  }

  /** @param {Float32Array} output */
  #fade(output) {
    for (let n = 0; n < output.length; n += 1) {
      output[n] *= Math.max(0, this.#fadeLeft - n) / this.#fadeSamples;
    }
    this.#fadeLeft -= output.length;
    if (this.#fadeLeft <= 0) this.#clear();
  }

  #clear() {
    this.#pieces = [];
    this.#bytes = 0;
    this.#block = new Float32Array(0);
    this.#at = 0;
    this.#isPlaying = false;
    this.#fadeLeft = -1;
    this.#resampler.reset();
  }
}
