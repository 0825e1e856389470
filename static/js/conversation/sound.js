// @ts-check
/**
 * The page's one AudioContext, at the hardware's own rate (the worklets convert), made when
 * first needed. Browsers keep it silent until the person has pressed something.
 */

export class Sound {
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {(isRunning: boolean) => void} */
  onRunning = () => {};

  static get isSupported() {
    return typeof AudioContext === "function" && typeof AudioWorkletNode === "function";
  }

  get context() {
    if (!this.#context) {
      this.#context = new AudioContext({ latencyHint: "interactive" });
      this.#context.onstatechange = () => this.onRunning(this.isRunning);
    }
    return this.#context;
  }

  get isRunning() {
    return this.#context?.state === "running";
  }

  /** Call it from a click or a key: only then browsers allow sound. */
  async unlock() {
    if (Sound.isSupported && !this.isRunning) await this.context.resume();
  }

  /**
   * @param {string} file a worklet beside this module
   * @param {string} name
   * @param {AudioWorkletNodeOptions} options
   * @returns {Promise<AudioWorkletNode>}
   */
  async node(file, name, options) {
    await this.context.audioWorklet.addModule(new URL(file, import.meta.url).href);
    return new AudioWorkletNode(this.context, name, options);
  }
}
