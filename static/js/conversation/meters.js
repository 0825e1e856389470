// @ts-check
/** Two small drawings of real loudness: the ring of the microphone, the voice of the agent. */

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {HTMLCanvasElement} canvas @param {number} width @param {number} height CSS pixels */
function prepare(canvas, width, height) {
  const scale = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.strokeStyle = pen.fillStyle = getComputedStyle(canvas).color;
  return pen;
}

/** Loudness as ears have it: 0 at -55 dB and below, 1 at -10 dB. @param {number} level */
function loudness(level) {
  return Math.min(1, Math.max(0, (20 * Math.log10(level + 1e-9) + 55) / 45));
}

const SIZE = 76;
const RADIUS = 31.5;

export class Ring {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
  }

  #canvas;
  #isOn = false;
  #level = 0;
  #shown = 0;
  #frame = 0;

  /** @param {boolean} isOn */
  set(isOn) {
    this.#isOn = isOn;
    this.#level = 0;
    this.#wake();
  }

  /** @param {number} level root mean square, 0 to 1 */
  show(level) {
    this.#level = calm.matches ? 0 : loudness(level);
    this.#wake();
  }

  #wake() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#frame = 0;
    this.#shown += (this.#level - this.#shown) * 0.35;
    const pen = prepare(this.#canvas, SIZE, SIZE);
    if (!this.#isOn) return;
    const width = 1.5 + 4.5 * this.#shown;
    pen.lineWidth = width;
    pen.globalAlpha = 0.45 + 0.55 * this.#shown;
    pen.beginPath();
    pen.arc(SIZE / 2, SIZE / 2, RADIUS + width / 2, 0, 2 * Math.PI);
    pen.stroke();
    if (Math.abs(this.#level - this.#shown) > 0.01) this.#wake();
  }
}

const BARS = [0.45, 0.8, 1, 0.7, 0.5];

export class VoiceMeter {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.show(0);
  }

  #canvas;

  /** @param {number} level peak, 0 to 1; 0 draws five dots */
  show(level) {
    const pen = prepare(this.#canvas, 36, 16);
    const loud = calm.matches ? 0 : loudness(level);
    pen.globalAlpha = level ? 1 : 0.5;
    BARS.forEach((share, index) => {
      const height = 3 + 13 * loud * share;
      pen.beginPath();
      pen.roundRect(index * 7.5 + 1, 8 - height / 2, 3, height, 1.5);
      pen.fill();
    });
  }
}
