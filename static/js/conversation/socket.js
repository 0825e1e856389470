// @ts-check
/**
 * One conversation's socket, kept alive: connect, introduce, acknowledge, heartbeat, and
 * connect again after a drop. Where no socket comes through, the same over plain HTTP. It knows
 * frames and time, not what they mean.
 *
 * Phases: idle -> connecting -> introduced -> attached -> (waiting -> connecting ...) -> closed.
 * `attached` is the phase after `snapshot` or `resumed`: only then does input arrive anywhere.
 */

import { HttpChannel } from "./http-channel.js";
import {
  ACK_AFTER_MS,
  AckLedger,
  ProtocolFault,
  SUBPROTOCOL,
  decodeAudio,
  finalProblem,
  parseMessage,
  retryDelay,
} from "./protocol.js";
import { SOCKET, STALLED_MS, Ways } from "./ways.js";

const CONNECT_MS = 10000;
const PONG_MS = 5000;
/** Asked about a connection that may be dead: after sleep, or when the network changed. */
const PROBE_MS = 1500;
/** A connection that held this long was a good one: the next drop starts from 0.5 s again. */
const STEADY_MS = 5000;
/** When a server goes, not all of its pages come to the next one in the same instant. */
const MOVE_JITTER_MS = 2000;
/** How often a page that is to move looks whether nobody speaks. */
const REST_LOOK_MS = 100;
/** Until the next try, when the place to move to did not answer. */
const MOVE_AGAIN_MS = 1000;

/** @typedef {WebSocket | HttpChannel} Channel */

/**
 * @typedef {object} Handlers
 * @property {() => object} greeting the first message of a connection: `start` or `resume`
 * @property {(message: {type: string, [field: string]: any}) => void} onMessage
 * @property {(frame: import("./protocol.js").AudioFrame) => void} onAudio
 * @property {(phase: string, detail: {problem?: string | null, retryAt?: number,
 *   attempt?: number}) => void} onPhase
 * @property {() => boolean} isAtRest nobody speaks and nothing is owed: nothing is lost by a move
 */

export class ConversationSocket {
  /**
   * @param {string} url
   * @param {import("./http-channel.js").Plain} plain the way without a socket
   * @param {Handlers} handlers
   */
  constructor(url, plain, handlers) {
    this.phase = "idle";
    this.attempt = 0;
    /** On the way from a server that goes to another one: nobody needs to notice. */
    this.isMoving = false;
    this.#url = url;
    this.#plain = plain;
    this.#handlers = handlers;
  }

  #url;
  #plain;
  #handlers;
  #ways = new Ways();
  /** @type {Channel | null} */
  #socket = null;
  /** Until the other side is reached, what ends the try is in the way of it. */
  #isReached = false;
  /** @type {WebSocket | null} where to move, until it answers */
  #next = null;
  #acks = new AckLedger();
  #heartbeatMs = 15000;
  /** @type {{[name: string]: ReturnType<typeof setTimeout>}} */
  #timers = {};

  /** Connect now, whatever was planned. */
  connect() {
    this.#drop();
    this.#ways.begin();
    this.#dial();
  }

  #dial() {
    const isSocket = this.#ways.now === SOCKET;
    const socket = isSocket ? new WebSocket(this.#url, SUBPROTOCOL) : new HttpChannel(this.#plain);
    this.#adopt(socket);
    this.#isReached = false;
    this.#after("stalled", STALLED_MS, () => this.#blocked());
    socket.onopen = () => {
      if (this.#socket !== socket) return;
      this.#cancel("stalled");
      this.#isReached = isSocket;
      this.#send(this.#handlers.greeting());
    };
  }

  /** From now on this is the connection, as soon as it is open. @param {Channel} socket */
  #adopt(socket) {
    this.#acks = new AckLedger();
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    const mine = (/** @type {(event: any) => void} */ handle) => (/** @type {any} */ event) => {
      if (this.#socket === socket) handle(event);
    };
    socket.onmessage = mine((event) => this.#take(event.data));
    socket.onclose = mine((event) => this.#closed(event.code));
    this.#after("connect", CONNECT_MS, () => this.#blocked());
    this.#enter("connecting", { attempt: this.attempt });
  }

  /** The server goes: move when nobody speaks, or when the time is up. @param {number} byMs */
  #moveBy(byMs) {
    const isTime = Date.now() >= byMs || (this.phase === "attached" && this.#handlers.isAtRest());
    const again = () => this.#after("move", MOVE_AGAIN_MS, () => this.#moveBy(byMs));
    if (isTime) this.#dialNext(again);
    else this.#after("move", REST_LOOK_MS, () => this.#moveBy(byMs));
  }

  /** No socket comes through: sound and pictures have no way. */
  get isTextOnly() {
    return this.#ways.isTextOnly;
  }

  /** A socket is tried right now, beside the connection that carries. */
  get isLooking() {
    return this.#next !== null;
  }

  /** Look whether a socket comes through now; without one the page stays where it is. */
  upgrade() {
    if (!this.isTextOnly || this.phase !== "attached" || this.#next !== null) return;
    this.#cancel("upgrade");
    this.#dialNext(() => this.#upgradeLater());
  }

  #upgradeLater() {
    this.#after("upgrade", this.#ways.upgradeDelay(Math.random()), () => this.upgrade());
  }

  /** The old connection carries everything until the new one is open. @param {() => void} again */
  #dialNext(again) {
    const next = new WebSocket(this.#url, SUBPROTOCOL);
    this.#next = next;
    this.#after("stalled", STALLED_MS, () => next.close());
    next.onclose = () => {
      if (this.#next !== next) return;
      this.#next = null;
      this.#cancel("stalled");
      again();
    };
    next.onopen = () => {
      if (this.#next !== next) return;
      this.#next = null;
      this.#drop();
      this.isMoving = true;
      this.#ways.moved();
      this.#adopt(next);
      this.#isReached = true;
      this.#send(this.#handlers.greeting());
    };
  }

  /** Close for good, or until `connect`. */
  close() {
    this.#drop();
    this.#enter("idle");
  }

  /** Find out within 1.5 s whether the connection still lives. */
  probe() {
    if (this.phase === "waiting" && navigator.onLine) this.connect();
    else if (this.#socket?.readyState === WebSocket.OPEN) this.#ping(PROBE_MS);
    this.upgrade();
  }

  /** @param {object} message @returns {boolean} whether it went out */
  send(message) {
    if (this.phase !== "attached") return false;
    this.#send(message);
    return true;
  }

  /** Bytes that the browser holds and the network has not taken yet. */
  get bufferedAmount() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** @param {ArrayBuffer} frame see `Uplink` for which and when */
  sendFrame(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(frame);
  }

  /** What has to be said before anybody hosts the conversation. @param {object} message */
  sendEarly(message) {
    if (this.phase === "introduced" || this.phase === "attached") this.#send(message);
  }

  /** @param {object} message */
  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** What was received does not fit together: begin again from what is held. */
  resync() {
    this.#lost();
  }

  /** @param {string | ArrayBuffer} data */
  #take(data) {
    try {
      this.#receive(data);
    } catch (error) {
      if (!(error instanceof ProtocolFault)) throw error;
      this.resync();
    }
  }

  /** @param {string | ArrayBuffer} data */
  #receive(data) {
    this.#cancel("pong");
    if (this.#acks.count()) this.#acknowledge();
    else if (!this.#timers.ack) this.#after("ack", ACK_AFTER_MS, () => this.#acknowledge());
    if (typeof data !== "string") {
      this.#handlers.onAudio(decodeAudio(data));
      return;
    }
    const message = parseMessage(data);
    if (message.type === "hello") this.#introduced(message.heartbeat_ms);
    if (message.type === "pong") return;
    if (message.type === "moving") {
      const jitter = Math.random() * Math.min(MOVE_JITTER_MS, message.within_ms / 4);
      const byMs = Date.now() + message.within_ms;
      this.#after("move", jitter, () => this.#moveBy(byMs));
      return;
    }
    this.#handlers.onMessage(message);
    if (message.type === "snapshot" || message.type === "resumed") this.#attached();
  }

  /** @param {number} heartbeatMs */
  #introduced(heartbeatMs) {
    this.#cancel("connect");
    this.#isReached = true;
    this.#heartbeatMs = heartbeatMs;
    this.#beat();
    this.#enter("introduced");
  }

  #attached() {
    if (this.phase !== "introduced") return; // a later snapshot of the same connection
    this.isMoving = false;
    this.#ways.carried();
    if (this.isTextOnly) this.#upgradeLater();
    this.#after("steady", STEADY_MS, () => {
      this.attempt = 0;
    });
    this.#enter("attached");
  }

  #acknowledge() {
    this.#cancel("ack");
    if (this.#acks.isOwing) this.#send(this.#acks.take());
  }

  #beat() {
    this.#after("beat", this.#heartbeatMs * (0.75 + Math.random() / 4), () => {
      this.#ping(PONG_MS);
      this.#beat();
    });
  }

  /** Any frame will do as an answer. @param {number} patienceMs */
  #ping(patienceMs) {
    this.#send({ type: "ping" });
    this.#after("pong", patienceMs, () => this.#lost());
  }

  /** @param {number} code */
  #closed(code) {
    const problem = finalProblem(code);
    if (problem === null && code !== 1000) {
      if (this.#isReached) this.#lost();
      else this.#blocked();
      return;
    }
    this.#drop();
    this.#enter("closed", { problem });
  }

  /** This way leads nowhere: try the other one now, or both of them later. */
  #blocked() {
    if (!this.#ways.blocked()) {
      this.#lost();
      return;
    }
    this.#drop();
    this.#dial();
  }

  #lost() {
    this.#drop();
    const wait = retryDelay(this.attempt, Math.random());
    this.attempt += 1;
    this.#after("retry", wait, () => this.connect());
    this.#enter("waiting", { retryAt: Date.now() + wait, attempt: this.attempt });
  }

  /** Let go of the socket and of every timer. */
  #drop() {
    Object.keys(this.#timers).forEach((name) => this.#cancel(name));
    this.isMoving = false;
    const left = [this.#socket, this.#next];
    this.#socket = this.#next = null;
    for (const socket of left) socket?.close(1000);
  }

  /** @param {string} phase @param {{problem?: string | null, retryAt?: number, attempt?: number}} [detail] */
  #enter(phase, detail = {}) {
    this.phase = phase;
    this.#handlers.onPhase(phase, detail);
  }

  /** @param {string} name @param {number} ms @param {() => void} act */
  #after(name, ms, act) {
    this.#cancel(name);
    this.#timers[name] = setTimeout(() => {
      delete this.#timers[name];
      act();
    }, ms);
  }

  /** @param {string} name */
  #cancel(name) {
    clearTimeout(this.#timers[name]);
    delete this.#timers[name];
  }
}
