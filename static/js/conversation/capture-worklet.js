// @ts-check
/**
 * From the microphone to frames: any rate and any number of channels in, 16 kHz mono PCM16
 * out, 32 ms at a time. Runs on the audio thread.
 */

import { INPUT_RATE_HZ } from "./protocol.js";
import { Resampler } from "./resampler.js";

const FRAME_SAMPLES = 512; // 32 ms

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, INPUT_RATE_HZ);
    this.frame = new Int16Array(FRAME_SAMPLES);
    this.filled = 0;
    this.squares = 0;
  }

  /** @param {Float32Array[][]} inputs */
  process([channels]) {
    if (channels?.length) this.take(this.resampler.process(mixed(channels)));
    return true;
  }

  /** @param {Float32Array} samples */
  take(samples) {
    for (const sample of samples) {
      const bounded = Math.max(-1, Math.min(1, sample));
      this.squares += bounded * bounded;
      this.frame[this.filled] = Math.round(bounded < 0 ? bounded * 32768 : bounded * 32767);
      this.filled += 1;
      if (this.filled === FRAME_SAMPLES) this.post();
    }
  }

  post() {
    const level = Math.sqrt(this.squares / FRAME_SAMPLES);
    this.port.postMessage({ pcm: this.frame, level }, [this.frame.buffer]);
    this.frame = new Int16Array(FRAME_SAMPLES);
    this.filled = 0;
    this.squares = 0;
  }
}

/** @param {Float32Array[]} channels */
function mixed(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, n) => {
    const sum = channels.reduce((total, channel) => total + channel[n], 0);
    return sum / channels.length;
  });
}

registerProcessor("parley-capture", Capture);
