// @ts-check
/**
 * Which way to the server: a WebSocket, or plain HTTP where none comes through. Pure.
 *
 * A round begins with the way that carried last, at first with the socket. When that is blocked,
 * refused or silent, the other way is tried at once; when both are, the network is gone, and the
 * next round comes later. Over HTTP there is no sound, so a socket is tried again and again.
 */

export const SOCKET = "socket";
export const HTTP = "http";

/** A socket that is not open by then is held back by something on the way. */
export const STALLED_MS = 5000;
/** How often a page without a socket looks whether one comes through now. */
export const UPGRADE_MS = 60000;
/** Pages of one house do not all look in the same instant. */
const UPGRADE_JITTER_MS = 6000;
/** Sockets that open and then say nothing are tried ever less often. */
const RAREST_UPGRADE_MS = 16 * UPGRADE_MS;

export class Ways {
  /** The way of this try, or of this connection. */
  now = SOCKET;
  /** What carried last. */
  #proven = SOCKET;
  #hasSwitched = false;
  #upgradeMs = UPGRADE_MS;
  #isUpgrading = false;

  /** What the person sees and hears came over HTTP last: no voice, no pictures. */
  get isTextOnly() {
    return this.#proven === HTTP;
  }

  /** A new round. */
  begin() {
    this.now = this.#proven;
    this.#hasSwitched = false;
    this.#isUpgrading = false;
  }

  /** This try came to nothing before the server said a word.
   * @returns {boolean} whether to try at once again: `now` is the other way */
  blocked() {
    if (this.#isUpgrading) this.#upgradeMs = Math.min(RAREST_UPGRADE_MS, this.#upgradeMs * 2);
    this.#isUpgrading = false;
    if (this.#hasSwitched) return false;
    this.#hasSwitched = true;
    this.now = this.now === SOCKET ? HTTP : SOCKET;
    return true;
  }

  /** The conversation goes on this way. */
  carried() {
    this.#proven = this.now;
    this.#hasSwitched = false;
    this.#isUpgrading = false;
    if (this.now === SOCKET) this.#upgradeMs = UPGRADE_MS;
  }

  /** A socket has opened beside a connection that carries: go on with it. */
  moved() {
    this.#isUpgrading = this.now === HTTP;
    this.#hasSwitched = false;
    this.now = SOCKET;
  }

  /** Until a socket is tried beside HTTP. @param {number} random between 0 and 1 */
  upgradeDelay(random) {
    return this.#upgradeMs - Math.round(random * UPGRADE_JITTER_MS);
  }
}
