// @ts-check
/**
 * The user's own texts, from Enter until the server has stored them. Pure, but for the storage
 * it is given.
 *
 * A text is sent again after every resume while no turn carries its `ref`: the server takes the
 * same id once. A turn that is shown and not saved dies with its worker, so the text is kept
 * until its turn is saved. It survives a reload of the page.
 */

/**
 * @typedef {object} Letter
 * @property {string} id
 * @property {string} text
 * @property {number | null} sentAt clock of the last sending in ms, null while it waits for a socket
 * @property {boolean} overdue
 * @property {boolean} shown a turn shows it
 */

/** Sent on an open socket for this long and still not in the transcript. */
export const OVERDUE_MS = 10000;

export class Outbox {
  /** @param {readonly {id: string, text: string}[]} kept from before a reload */
  constructor(kept = []) {
    /** @type {readonly Letter[]} */
    this.letters = kept.map(({ id, text }) => letterOf(id, text));
  }

  /** What no turn shows. */
  get waiting() {
    return this.letters.filter((letter) => !letter.shown);
  }

  /** @param {string} id @param {string} text */
  add(id, text) {
    this.letters = [...this.letters, letterOf(id, text)];
  }

  /**
   * Forget what has been saved, and see which texts turns show.
   * @param {readonly {ref: string | null, saved: boolean}[]} turns
   */
  settle(turns) {
    if (!this.letters.length) return;
    const saved = new Map(turns.map((turn) => [turn.ref, turn.saved]));
    this.letters = this.letters
      .filter((letter) => !saved.get(letter.id))
      .map((letter) => ({ ...letter, shown: saved.has(letter.id) }));
  }

  /** The socket is gone: nothing counts as sent. */
  unsend() {
    this.letters = this.letters.map((letter) => ({ ...letter, sentAt: null }));
  }

  /**
   * Mark what waits as sent. @param {number} now in ms
   * @returns {Letter[]} what to send, in order
   */
  takeUnsent(now) {
    const isUnsent = (/** @type {Letter} */ letter) => letter.sentAt === null && !letter.shown;
    const unsent = this.letters.filter(isUnsent);
    this.letters = this.letters.map((letter) =>
      isUnsent(letter) ? { ...letter, sentAt: now, overdue: false } : letter,
    );
    return unsent;
  }

  /** Send it anew, with the same id. @param {string} id */
  retry(id) {
    this.letters = this.letters.map((letter) =>
      letter.id === id ? { ...letter, sentAt: null, overdue: false } : letter,
    );
  }

  /** @param {number} now in ms @returns {boolean} whether something became overdue */
  age(now) {
    const late = (/** @type {Letter} */ letter) =>
      !letter.overdue && !letter.shown && letter.sentAt !== null && now - letter.sentAt > OVERDUE_MS;
    if (!this.letters.some(late)) return false;
    this.letters = this.letters.map((letter) =>
      late(letter) ? { ...letter, overdue: true } : letter,
    );
    return true;
  }
}

/** @param {string} id @param {string} text @returns {Letter} */
function letterOf(id, text) {
  return { id, text, sentAt: null, overdue: false, shown: false };
}
