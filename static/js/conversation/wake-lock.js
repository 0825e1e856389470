// @ts-check
/** Keeps the screen on while audio is live; browsers let go whenever the page is hidden. */

export class WakeLock {
  #wanted = false;
  /** @type {WakeLockSentinel | null} */
  #lock = null;
  #asking = false;

  constructor() {
    document.addEventListener("visibilitychange", () => this.#settle());
  }

  /** @param {boolean} isWanted */
  want(isWanted) {
    this.#wanted = isWanted;
    this.#settle();
  }

  async #settle() {
    if (!this.#wanted) {
      this.#lock?.release();
      this.#lock = null;
      return;
    }
    const isHeld = this.#lock !== null && !this.#lock.released;
    if (isHeld || this.#asking || document.visibilityState !== "visible") return;
    this.#asking = true;
    try {
      this.#lock = (await navigator.wakeLock?.request("screen")) ?? null;
    } catch {
      this.#lock = null; // low battery, or not allowed: the call goes on all the same
    }
    this.#asking = false;
    if (!this.#wanted) this.#settle();
  }
}
