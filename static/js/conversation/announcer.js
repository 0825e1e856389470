// @ts-check
/** Says states to screen readers: the latest one, at most one in 2 s, none twice. */

const PAUSE_MS = 2000;

export class Announcer {
  /** @param {HTMLElement} region with `role="status"` */
  constructor(region) {
    this.#region = region;
  }

  #region;
  #next = "";
  #isPausing = false;

  /** @param {string} text */
  say(text) {
    this.#next = text;
    if (!this.#isPausing) this.#speak();
  }

  #speak() {
    if (this.#region.textContent === this.#next) return;
    this.#region.textContent = this.#next;
    this.#isPausing = true;
    setTimeout(() => {
      this.#isPausing = false;
      this.#speak();
    }, PAUSE_MS);
  }
}
