// @ts-check
/**
 * The loudspeaker side: hands the agent's voice to the playback worklet and knows how much
 * of it has been heard.
 */

import { OUTPUT_RATE_HZ } from "./protocol.js";

/**
 * @typedef {object} Report what the worklet says while it plays
 * @property {{stream: number, ms: number} | null} played
 * @property {boolean} isPlaying
 * @property {number} level peak, 0 to 1
 * @property {number} droppedMs
 *
 * @typedef {object} PlayerHandlers
 * @property {(report: Report) => void} onReport
 * @property {(isBlocked: boolean) => void} onBlocked the browser wants a gesture first
 * @property {() => void} onFault this browser cannot play the voice
 */

export class Player {
  /** @param {import("./sound.js").Sound} sound @param {PlayerHandlers} handlers */
  constructor(sound, handlers) {
    this.#sound = sound;
    this.#handlers = handlers;
    this.isPlaying = false;
    this.receivedMs = 0;
    sound.onRunning = (isRunning) => this.#running(isRunning);
  }

  #sound;
  #handlers;
  /** @type {Promise<AudioWorkletNode | null> | null} */
  #node = null;
  /** @type {Map<number, number>} stream -> ms played */
  #played = new Map();
  /** @type {Set<number>} streams nobody wants to hear any more */
  #cut = new Set();
  #before = 0;

  /** Milliseconds heard since the page was opened. */
  get playedMs() {
    return this.#before + [...this.#played.values()].reduce((sum, ms) => sum + ms, 0);
  }

  /** A new answer. @param {number} stream */
  begin(stream) {
    this.#before += this.#played.get(stream) ?? 0;
    this.#played.delete(stream);
    this.#cut.delete(stream);
    this.#order({ begin: stream });
  }

  /** @param {import("./protocol.js").AudioFrame} frame @returns {number} ms taken */
  push({ stream, pcm }) {
    if (this.#cut.has(stream)) return 0;
    const ms = (pcm.length / OUTPUT_RATE_HZ) * 1000;
    this.receivedMs += ms;
    this.#order({ stream, pcm });
    if (!this.#sound.isRunning) this.#handlers.onBlocked(true);
    return ms;
  }

  /** Silence now, and for whatever of this stream still comes. @param {number} stream */
  cut(stream) {
    this.#cut.add(stream);
    this.#order({ cut: true });
  }

  /** Orders are obeyed one after another, also while the worklet loads. @param {object} order */
  async #order(order) {
    this.#node ??= this.#load();
    (await this.#node)?.port.postMessage(order);
  }

  /** @returns {Promise<AudioWorkletNode | null>} null when it cannot be had */
  async #load() {
    try {
      return this.#wire(
        await this.#sound.node("playback-worklet.js", "parley-playback", {
          numberOfInputs: 0,
          outputChannelCount: [1],
        }),
      );
    } catch {
      this.#handlers.onFault();
      return null;
    }
  }

  /** @param {AudioWorkletNode} node */
  #wire(node) {
    node.port.onmessage = ({ data }) => this.#report(data);
    node.connect(this.#sound.context.destination);
    return node;
  }

  /** @param {Report} report */
  #report(report) {
    this.isPlaying = report.isPlaying;
    if (report.played) this.#played.set(report.played.stream, report.played.ms);
    this.#handlers.onReport(report);
  }

  /** @param {boolean} isRunning */
  #running(isRunning) {
    if (isRunning) this.#handlers.onBlocked(false);
  }
}
