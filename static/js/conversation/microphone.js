// @ts-check
/**
 * The microphone: permission, capture, mute, and a name for everything that can go wrong.
 * States are the words of the page's contract: off, requesting, on, muted, blocked,
 * not-found, in-use, silent, lost.
 */

const FAULTS = new Map([
  ["NotAllowedError", "blocked"],
  ["SecurityError", "blocked"],
  ["NotFoundError", "not-found"],
  ["OverconstrainedError", "not-found"],
  ["NotReadableError", "in-use"],
  ["AbortError", "in-use"],
]);

const WISHES = {
  audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
};

/** A microphone that gives nothing but zeros for this long is not heard. */
const SILENT_MS = 3000;

/**
 * @typedef {object} MicrophoneHandlers
 * @property {(pcm: Int16Array) => void} onFrame 32 ms of 16 kHz mono
 * @property {(level: number) => void} onLevel root mean square, 0 to 1
 * @property {(state: string) => void} onState
 */

export class Microphone {
  /** @param {import("./sound.js").Sound} sound @param {MicrophoneHandlers} handlers */
  constructor(sound, handlers) {
    this.state = "off";
    /** Whether the open microphone has given any sound: one that has is not broken, only quiet. */
    this.wasHeard = false;
    this.#sound = sound;
    this.#handlers = handlers;
  }

  #sound;
  #handlers;
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {MediaStreamAudioSourceNode | null} */
  #source = null;
  /** @type {AudioWorkletNode | null} */
  #node = null;
  #heardAt = 0;
  #attempt = 0;

  get isOpen() {
    return this.state === "on" || this.state === "silent";
  }

  /** Ask for the microphone and begin to listen. @returns {Promise<boolean>} whether it did */
  async turnOn() {
    if (this.state === "muted") return this.#unmute();
    if (this.isOpen || this.state === "requesting") return this.isOpen;
    this.#enter("requesting");
    this.#attempt += 1;
    const attempt = this.#attempt;
    try {
      await this.#open(() => attempt === this.#attempt);
    } catch (error) {
      if (attempt === this.#attempt) this.#fail(/** @type {Error} */ (error));
    }
    return this.isOpen;
  }

  mute() {
    if (!this.isOpen) return;
    this.#listen(false);
    this.#enter("muted");
  }

  /** Let the device go; the browser's own mark goes out. */
  turnOff() {
    this.#release();
    this.#enter("off");
  }

  #unmute() {
    this.#listen(true);
    this.#enter("on");
    return true;
  }

  /** @param {() => boolean} isWanted false once it was turned off meanwhile */
  async #open(isWanted) {
    if (!navigator.mediaDevices) throw new DOMException("insecure origin", "SecurityError");
    const stream = await navigator.mediaDevices.getUserMedia(WISHES);
    const node = await this.#sound.node("capture-worklet.js", "parley-capture", {
      numberOfOutputs: 0,
    });
    if (!isWanted()) {
      stream.getTracks().forEach((track) => track.stop());
      return;
    }
    this.#stream = stream;
    stream.getAudioTracks()[0].onended = () => this.#lost();
    node.port.onmessage = ({ data }) => this.#take(data);
    this.#node = node;
    this.#source = this.#sound.context.createMediaStreamSource(stream);
    this.#source.connect(node);
    this.#heardAt = performance.now();
    this.#enter("on");
  }

  /** @param {{pcm: Int16Array, level: number}} frame */
  #take({ pcm, level }) {
    if (!this.isOpen) return;
    if (level > 0) {
      this.#heardAt = performance.now();
      this.wasHeard = true;
    }
    const isSilent = performance.now() - this.#heardAt > SILENT_MS;
    if (isSilent !== (this.state === "silent")) this.#enter(isSilent ? "silent" : "on");
    this.#handlers.onFrame(pcm);
    this.#handlers.onLevel(level);
  }

  /** @param {boolean} isOn */
  #listen(isOn) {
    for (const track of this.#stream?.getTracks() ?? []) track.enabled = isOn;
    this.#heardAt = performance.now();
    this.#handlers.onLevel(0);
  }

  /** @param {Error} error */
  #fail(error) {
    this.#release();
    this.#enter(FAULTS.get(error.name) ?? "not-found");
  }

  #lost() {
    this.#release();
    this.#enter("lost");
  }

  #release() {
    this.#attempt += 1;
    this.wasHeard = false;
    for (const track of this.#stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.#source?.disconnect();
    this.#node?.port.close();
    this.#stream = this.#source = this.#node = null;
    this.#handlers.onLevel(0);
  }

  /** @param {string} state */
  #enter(state) {
    if (state === this.state) return;
    this.state = state;
    this.#handlers.onState(state);
  }
}
