// @ts-check
/**
 * The user's own texts, from Enter until the server has them. Pure, but for the storage
 * it is given.
 *
 * A text is sent again after every resume until a turn carries its `ref`: the server takes
 * the same id once. It survives a reload of the page.
 */

/**
 * @typedef {{id: string, text: string, sentAt: number | null, overdue: boolean}} Letter
 *   `sentAt`: clock of the last sending in ms, null while it waits for a socket.
 */

/** Sent on an open socket for this long and still not in the transcript. */
export const OVERDUE_MS = 10000;

export class Outbox {
  /** @param {readonly {id: string, text: string}[]} kept from before a reload */
  constructor(kept = []) {
    /** @type {readonly Letter[]} */
    this.letters = kept.map(({ id, text }) => ({ id, text, sentAt: null, overdue: false }));
  }

  /** @param {string} id @param {string} text */
  add(id, text) {
    this.letters = [...this.letters, { id, text, sentAt: null, overdue: false }];
  }

  /** Forget what has become a turn. @param {readonly {ref: string | null}[]} turns */
  settle(turns) {
    if (!this.letters.length) return;
    const arrived = new Set(turns.map((turn) => turn.ref));
    this.letters = this.letters.filter((letter) => !arrived.has(letter.id));
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
    const unsent = this.letters.filter((letter) => letter.sentAt === null);
    this.letters = this.letters.map((letter) =>
      letter.sentAt === null ? { ...letter, sentAt: now, overdue: false } : letter,
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
      !letter.overdue && letter.sentAt !== null && now - letter.sentAt > OVERDUE_MS;
    if (!this.letters.some(late)) return false;
    this.letters = this.letters.map((letter) =>
      late(letter) ? { ...letter, overdue: true } : letter,
    );
    return true;
  }
}
