// @ts-check
/**
 * What the person shows: the camera or the screen, as one JPEG a second. Permission, preview,
 * capture, and a name for everything that can go wrong. States: off, requesting, on, blocked,
 * not-found, in-use, ended-by-browser.
 */

const FAULTS = new Map([
  ["NotAllowedError", "blocked"],
  ["SecurityError", "blocked"],
  ["NotFoundError", "not-found"],
  ["OverconstrainedError", "not-found"],
  ["NotReadableError", "in-use"],
  ["AbortError", "in-use"],
]);

const WISHES = { video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 10 } } };
const EVERY_MS = 1000;
const LONGER_SIDE = 768;
/** The next one is tried when a picture comes out too big. */
const QUALITIES = [0.7, 0.5, 0.3];

/**
 * @typedef {"camera" | "screen"} Source
 * @typedef {{jpeg: ArrayBuffer, width: number, height: number}} Picture
 * @typedef {object} CameraHandlers
 * @property {(picture: Picture) => void} onPicture
 * @property {(state: string) => void} onState
 */

export class Camera {
  /** @param {HTMLVideoElement} video shows the preview @param {CameraHandlers} handlers */
  constructor(video, handlers) {
    this.state = "off";
    /** @type {Source} what is shown, or was tried last */
    this.source = "camera";
    this.maxBytes = 192 * 1024;
    this.#video = video;
    this.#handlers = handlers;
  }

  #video;
  #handlers;
  #canvas = document.createElement("canvas");
  /** @type {MediaStream | null} */
  #stream = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #attempt = 0;

  /** Whether this browser can share a screen: those of phones cannot. */
  static get canShareScreen() {
    return typeof navigator.mediaDevices?.getDisplayMedia === "function";
  }

  get isOn() {
    return this.state === "on";
  }

  /** Whether a whole screen is shown, with whatever appears on it. */
  get isWholeScreen() {
    const [track] = this.#stream?.getVideoTracks() ?? [];
    return this.source === "screen" && track?.getSettings().displaySurface === "monitor";
  }

  /** Ask for the camera or the screen; what was shown before is not shown any more.
   * @param {Source} source @returns {Promise<boolean>} whether it is shown now */
  async turnOn(source) {
    if (this.state === "requesting") return false;
    this.turnOff();
    this.source = source;
    this.#enter("requesting");
    const attempt = this.#attempt;
    try {
      await this.#open(() => attempt === this.#attempt);
    } catch (error) {
      if (attempt === this.#attempt) this.#fail(/** @type {Error} */ (error));
    }
    return this.isOn;
  }

  /** Let the device go; the browser's own mark goes out. */
  turnOff() {
    this.#release();
    this.#enter("off");
  }

  /** @param {() => boolean} isWanted false once it was turned off meanwhile */
  async #open(isWanted) {
    if (!navigator.mediaDevices) throw new DOMException("insecure origin", "SecurityError");
    const stream = await this.#ask();
    if (!isWanted()) {
      stream.getTracks().forEach((track) => track.stop());
      return;
    }
    this.#stream = stream;
    stream.getVideoTracks()[0].onended = () => this.#ended();
    this.#video.srcObject = stream;
    await this.#video.play();
    if (!isWanted()) return;
    this.#enter("on");
    this.#look();
  }

  #ask() {
    return this.source === "screen"
      ? navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 5 } } })
      : navigator.mediaDevices.getUserMedia(WISHES);
  }

  /** Take a picture now, and again in a second. */
  #look() {
    this.#timer = setTimeout(() => this.#look(), EVERY_MS);
    const { videoWidth, videoHeight } = this.#video;
    if (!videoWidth || !videoHeight) return;
    const scale = Math.min(1, LONGER_SIDE / Math.max(videoWidth, videoHeight));
    this.#canvas.width = Math.round(videoWidth * scale);
    this.#canvas.height = Math.round(videoHeight * scale);
    const { width, height } = this.#canvas;
    this.#canvas.getContext("2d")?.drawImage(this.#video, 0, 0, width, height);
    this.#encode(0, this.#attempt);
  }

  /** @param {number} step in QUALITIES @param {number} attempt that this belongs to */
  #encode(step, attempt) {
    const { width, height } = this.#canvas;
    const take = async (/** @type {Blob | null} */ blob) => {
      if (blob === null) return;
      if (blob.size > this.maxBytes && step + 1 < QUALITIES.length) {
        if (attempt === this.#attempt) this.#encode(step + 1, attempt);
        return;
      }
      const jpeg = await blob.arrayBuffer();
      const isFitting = jpeg.byteLength <= this.maxBytes;
      if (isFitting && this.isOn && attempt === this.#attempt) {
        this.#handlers.onPicture({ jpeg, width, height });
      }
    };
    this.#canvas.toBlob(take, "image/jpeg", QUALITIES[step]);
  }

  /** @param {Error} error */
  #fail(error) {
    this.#release();
    const fault = FAULTS.get(error.name) ?? "not-found";
    // Who closes the browser's choice of screens has changed their mind: nothing is wrong.
    this.#enter(this.source === "screen" && fault === "blocked" && isSecureContext ? "off" : fault);
  }

  /** Unplugged, or stopped by the browser; its bar for screens is how people stop sharing. */
  #ended() {
    this.#release();
    this.#enter(this.source === "screen" ? "off" : "ended-by-browser");
  }

  #release() {
    this.#attempt += 1;
    clearTimeout(this.#timer);
    for (const track of this.#stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.#stream = null;
    this.#video.srcObject = null;
  }

  /** @param {string} state */
  #enter(state) {
    if (state === this.state) return;
    this.state = state;
    this.#handlers.onState(state);
  }
}
