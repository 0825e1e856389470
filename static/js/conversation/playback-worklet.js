// @ts-check
/**
 * Plays the agent's voice without gaps and stops at once when told. Runs on the audio
 * thread. In: `{begin}`, `{stream, pcm}`, `{cut: true}`. Out, twenty times a second while
 * something plays: how much of which answer was heard, and how loud it is.
 */

import { SoundQueue } from "./sound-queue.js";

const REPORT_EVERY_S = 0.05;

class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    this.queue = new SoundQueue(sampleRate);
    this.reportAt = 0;
    this.wasPlaying = false;
    this.peak = 0;
    this.port.onmessage = ({ data }) => this.obey(data);
  }

  /** @param {{begin?: number, cut?: boolean, stream: number, pcm: Int16Array}} order */
  obey(order) {
    if (order.cut) this.queue.cut();
    else if (order.begin !== undefined) this.queue.begin(order.begin);
    else this.queue.push(order.stream, order.pcm);
  }

  /** @param {Float32Array[][]} _inputs @param {Float32Array[][]} outputs */
  process(_inputs, [channels]) {
    this.queue.pull(channels[0]);
    for (const other of channels.slice(1)) other.set(channels[0]);
    for (const sample of channels[0]) this.peak = Math.max(this.peak, Math.abs(sample));
    const { isPlaying } = this.queue;
    if (isPlaying !== this.wasPlaying || (isPlaying && currentTime >= this.reportAt)) this.report();
    return true;
  }

  report() {
    const { played, isPlaying, queuedMs, droppedMs } = this.queue;
    this.port.postMessage({ played, isPlaying, queuedMs, droppedMs, level: this.peak });
    this.wasPlaying = isPlaying;
    this.reportAt = currentTime + REPORT_EVERY_S;
    this.peak = 0;
  }
}

registerProcessor("parley-playback", Playback);
