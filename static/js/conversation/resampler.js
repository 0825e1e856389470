// @ts-check
/**
 * Sample rate conversion for a stream that comes in pieces: a polyphase windowed-sinc
 * filter (Kaiser window, about 80 dB down in the stop band), low-pass at the lower of the
 * two rates. Pure; runs in the audio worklets.
 *
 * Output sample n lies at input time n * from / to. The rates have a common divisor, so
 * only `to / divisor` different positions between two input samples occur: one row of
 * filter taps for each.
 */

const ZERO_CROSSINGS = 16;
const KAISER_BETA = 8;
const PASS_BAND = 0.92;

export class Resampler {
  /** @param {number} fromHz @param {number} toHz */
  constructor(fromHz, toHz) {
    const divisor = greatestDivisor(fromHz, toHz);
    this.up = toHz / divisor;
    this.down = fromHz / divisor;
    this.half = Math.ceil(ZERO_CROSSINGS * Math.max(1, this.down / this.up));
    this.#rows = filterRows(this.up, this.down, this.half);
    this.reset();
  }

  #rows;
  #held = new Float32Array(0);
  #whole = 0;
  #phase = 0;

  /** Forget the past, so that the next piece begins in silence. */
  reset() {
    // Half a filter of silence: the first output lies exactly on the first input sample.
    this.#held = new Float32Array(this.half - 1);
    this.#whole = this.half - 1;
    this.#phase = 0;
  }

  /**
   * @param {Float32Array} input the next piece
   * @returns {Float32Array} every output sample that can be made of it
   */
  process(input) {
    if (this.up === this.down) return input;
    const samples = new Float32Array(this.#held.length + input.length);
    samples.set(this.#held);
    samples.set(input, this.#held.length);
    const output = new Float32Array(this.#ready(samples.length));
    for (let n = 0; n < output.length; n += 1) {
      output[n] = this.#at(samples);
      this.#phase += this.down;
      this.#whole += Math.floor(this.#phase / this.up);
      this.#phase %= this.up;
    }
    const keepFrom = Math.max(0, Math.min(samples.length, this.#whole - this.half + 1));
    this.#held = samples.slice(keepFrom);
    this.#whole -= keepFrom;
    return output;
  }

  /** How many outputs have all their input. @param {number} length */
  #ready(length) {
    const last = length - 1 - this.half; // the last whole position with a full right half
    if (this.#whole > last) return 0;
    return Math.floor(((last - this.#whole) * this.up + this.up - 1 - this.#phase) / this.down) + 1;
  }

  /** @param {Float32Array} samples */
  #at(samples) {
    const taps = 2 * this.half;
    const row = this.#phase * taps;
    const first = this.#whole - this.half + 1;
    let sum = 0;
    for (let k = 0; k < taps; k += 1) sum += this.#rows[row + k] * samples[first + k];
    return sum;
  }
}

/** @param {number} a @param {number} b @returns {number} */
function greatestDivisor(a, b) {
  return b ? greatestDivisor(b, a % b) : a;
}

/**
 * Row p holds the taps for an output that lies p / up after an input sample; each row sums
 * to 1, so that silence stays silence and loudness stays loudness.
 * @param {number} up @param {number} down @param {number} half
 */
function filterRows(up, down, half) {
  const cutoff = PASS_BAND * Math.min(1, up / down);
  const taps = 2 * half;
  const rows = new Float32Array(up * taps);
  for (let phase = 0; phase < up; phase += 1) {
    const row = rows.subarray(phase * taps, (phase + 1) * taps);
    for (let k = 0; k < taps; k += 1) row[k] = tap(k - half + 1 - phase / up, cutoff, half);
    const sum = row.reduce((total, value) => total + value, 0);
    row.forEach((value, k) => {
      row[k] = value / sum;
    });
  }
  return rows;
}

/** @param {number} offset @param {number} cutoff @param {number} half */
function tap(offset, cutoff, half) {
  const edge = offset / half;
  if (Math.abs(edge) >= 1) return 0;
  const angle = Math.PI * cutoff * offset;
  const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
  return sinc * (bessel(KAISER_BETA * Math.sqrt(1 - edge * edge)) / bessel(KAISER_BETA));
}

/** The zeroth modified Bessel function, by its series. @param {number} x */
function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-9 * sum; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
