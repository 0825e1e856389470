// @ts-check
/**
 * What survives a reload of the page: the draft, and texts that are not yet delivered.
 * It lives in sessionStorage, so it ends with the tab; no token ever goes there.
 */

export class Memory {
  /** @param {string} place the conversation's id, or another name until it has one */
  constructor(place) {
    this.place = place;
  }

  /** Take what is remembered along to another place. @param {string} place */
  move(place) {
    const kept = ["draft", "outbox"].map((name) => /** @type {const} */ ([name, this.read(name)]));
    kept.forEach(([name]) => this.write(name, null));
    this.place = place;
    kept.forEach(([name, value]) => this.write(name, value));
  }

  /** @param {string} name @returns {any} null when there is nothing */
  read(name) {
    try {
      return JSON.parse(sessionStorage.getItem(this.#key(name)) ?? "null");
    } catch {
      return null; // storage is switched off, or holds what is not ours
    }
  }

  /** @param {string} name @param {any} value null or empty forgets it */
  write(name, value) {
    const isEmpty = value === null || value.length === 0;
    try {
      if (isEmpty) sessionStorage.removeItem(this.#key(name));
      else sessionStorage.setItem(this.#key(name), JSON.stringify(value));
    } catch {
      // Without storage the page works; it only forgets on reload.
    }
  }

  /** @param {string} name */
  #key(name) {
    return `parley:${this.place}:${name}`;
  }
}
