// @ts-check
/**
 * What this page is in its conversation: its owner, who is heard, or one who looks on. Pure,
 * but for the storage it is given.
 *
 * A page has a name of its own, by which the server tells its return from a second tab.
 */

const PLACE = "parley:page";

/**
 * The page's name. It survives a reload, and a copy of the tab gets another one: the name lies
 * in the storage only while no page uses it.
 */
export class PageName {
  /** @param {Storage | null} storage of the tab; null where it is switched off */
  constructor(storage) {
    this.#storage = storage;
    this.value = this.#kept() ?? randomName();
  }

  #storage;

  /** Leave the name for this tab's next page. */
  leave() {
    this.#quietly((storage) => storage.setItem(PLACE, this.value));
  }

  /** The page is back from the browser's cache: the name is in use again. */
  take() {
    this.#quietly((storage) => storage.removeItem(PLACE));
  }

  #kept() {
    const kept = this.#quietly((storage) => storage.getItem(PLACE));
    this.take();
    return kept;
  }

  /** @template T @param {(storage: Storage) => T} use @returns {T | null} */
  #quietly(use) {
    try {
      return this.#storage && use(this.#storage);
    } catch {
      return null; // storage is switched off: a reload may find its old connection in the way
    }
  }
}

export class Presence {
  /** @param {{page: string, observes: boolean}} how `observes`: staff who only look on */
  constructor({ page, observes }) {
    this.page = page;
    this.observes = observes;
    this.role = observes ? "observer" : "owner";
    this.#mode = observes ? "observe" : "join";
  }

  #mode;
  /** Whether anybody owns the conversation. */
  isOwned = true;
  /** The conversation rests until its owner is back. */
  rests = false;
  /** @type {number | null} in the line of those that wait for room */
  place = null;

  get isOwner() {
    return this.role === "owner";
  }

  /** Another page of the same person has it. */
  get isSecond() {
    return !this.isOwner && !this.observes;
  }

  /** What the page says of itself in `start`. */
  get start() {
    return { page: this.page };
  }

  /** What the page says of itself in `resume`. */
  get resume() {
    return { page: this.page, mode: this.#mode };
  }

  /** With the next connection the conversation is this page's, whoever has it. */
  claim() {
    this.#mode = "take";
  }

  /** @param {{role: string, owned: boolean}} presence as the server tells it */
  stand({ role, owned }) {
    this.role = role;
    this.isOwned = owned;
    this.#mode = role === "owner" ? "join" : "observe";
  }

  /** @param {{reason: string, place?: number | null}} waiting as the server tells it */
  wait({ reason, place }) {
    this.place = reason === "capacity-full" ? (place ?? null) : null;
    this.rests = reason === "nobody-there";
  }

  /** Somebody hosts the conversation, or the connection is gone. */
  stopWaiting() {
    this.place = null;
    this.rests = false;
  }
}

function randomName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
