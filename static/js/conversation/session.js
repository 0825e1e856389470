// @ts-check
/**
 * One conversation as the page holds it: what the server told, what the user sent and the
 * server has not taken yet, and how much of the voice was heard. It touches no document.
 */

import { AgentVoice } from "./agent-voice.js";
import { Outbox } from "./outbox.js";
import { ProtocolFault } from "./protocol.js";
import { ConversationSocket } from "./socket.js";
import { UserVoice } from "./user-voice.js";
import { NOTHING, fromSnapshot, take } from "./state.js";
import * as words from "./words.js";

/** An outage shorter than this is not worth a line. */
const WORTH_A_LINE_MS = 2000;

/**
 * @typedef {{ms: number, code: string, text: string}} Notice
 * @typedef {{code: string, message: string, fix: string, isFatal: boolean}} Problem
 *
 * @typedef {object} SessionOptions
 * @property {string} agent id
 * @property {string | null} conversation id, once there is one
 * @property {string} url of the socket
 * @property {readonly {id: string, text: string}[]} kept undelivered texts from before a reload
 * @property {import("./player.js").Player | null} player null: this browser plays nothing
 * @property {number | null} ageMs how long ago the conversation began, if known
 * @property {() => void} onChange
 * @property {(hello: {[field: string]: any}) => void} onHello
 */

export class Session {
  /** @param {SessionOptions} options */
  constructor(options) {
    this.conversation = options.conversation;
    this.outbox = new Outbox(options.kept);
    this.voice = new AgentVoice(options.player);
    this.#options = options;
    this.startedAt = options.ageMs === null ? null : Date.now() - options.ageMs;
    this.#socket = new ConversationSocket(options.url, {
      greeting: () => this.#greeting(),
      onMessage: (message) => this.#take(message),
      onAudio: (frame) => this.voice.hear(frame, this.picture),
      onPhase: (phase, detail) => this.#phase(phase, detail),
    });
    this.#userVoice = new UserVoice((frame) => this.#canSend && this.#socket.sendAudio(frame));
  }

  #options;
  #socket;
  #userVoice;
  /** @type {import("./state.js").Held} */
  held = NOTHING;
  /** @type {Notice[]} */
  notices = [];
  /** @type {Problem | null} */
  problem = null;
  /** @type {number | null} wall clock, ms */
  startedAt = null;
  /** @type {number | null} wall clock of the next attempt, while waiting for it */
  retryAt = null;
  isAsking = false;
  #isHostless = false;
  #wasLive = false;
  #isOver = false;
  #wantsEnd = false;
  /** @type {number | null} */
  #lostAt = null;

  get picture() {
    return this.held.picture;
  }

  get isStarted() {
    return this.#socket.phase !== "idle" || this.conversation !== null;
  }

  get hasEnded() {
    return this.#isOver || this.picture.ended !== null;
  }

  /** The page's word for the connection. @returns {string} */
  get connection() {
    if (this.hasEnded) return "ended";
    if (this.problem?.isFatal) return "failed";
    if (this.isAsking && this.#socket.phase !== "attached") return "requesting-permission";
    switch (this.#socket.phase) {
      case "attached":
        return this.#attachedWord();
      case "waiting":
        return "reconnecting";
      case "connecting":
        return this.#lostAt === null ? "connecting" : "reconnecting";
      case "introduced":
        return this.#wasLive || this.#lostAt !== null ? "resuming" : "connecting";
      default:
        return this.conversation === null ? "idle" : "reconnecting";
    }
  }

  #attachedWord() {
    if (!this.#isHostless && this.picture.state === "live") return "ready";
    if (!this.#isHostless && this.picture.state === "rotating") return "upstream-handoff";
    return this.#wasLive ? "resuming" : "connecting";
  }

  // --- what the person does --------------------------------------------------------------

  start() {
    if (this.#socket.phase === "idle" || this.#socket.phase === "closed") this.tryNow();
  }

  tryNow() {
    this.problem = null;
    this.#socket.connect();
  }

  /** Leave for the browser's page cache; `tryNow` comes back. */
  suspend() {
    this.#userVoice.clear();
    this.#socket.close();
  }

  /** The network or the computer came back, or went away. */
  probe() {
    this.#socket.probe();
  }

  /** @param {string} text */
  sendText(text) {
    this.outbox.add(crypto.randomUUID?.() ?? randomId(), text);
    this.start();
    this.#deliver();
    this.#options.onChange();
  }

  /** @param {string} id of a text that was not taken */
  sendAgain(id) {
    this.outbox.retry(id);
    this.#deliver();
    this.#options.onChange();
  }

  /** @param {Int16Array} pcm 16 kHz mono */
  sendVoice(pcm) {
    this.#userVoice.push(pcm);
  }

  /** The microphone was switched off. */
  endVoice() {
    this.#userVoice.clear();
    if (this.#canSend) this.#socket.send({ type: "audio-end" });
  }

  /** Somebody is still there, though nobody says anything. */
  stay() {
    if (this.#canSend) this.#socket.send({ type: "stay" });
  }

  /**
   * The warning to show now: of those that end the conversation the next one.
   * @returns {{what: string, leftMs: number | null, percent: number | null} | null}
   */
  get warning() {
    if (this.hasEnded) return null;
    const first = this.picture.warnings.toSorted(
      (one, other) => (one.end_ms ?? Infinity) - (other.end_ms ?? Infinity),
    )[0];
    if (!first) return null;
    const leftMs = first.end_ms === null ? null : Math.max(0, first.end_ms - this.clockMs);
    return { what: first.what, leftMs, percent: first.percent };
  }

  /** End the conversation; without a connection, as soon as there is one. */
  end() {
    this.#wantsEnd = true;
    this.#deliver();
  }

  stopSpeaking() {
    this.voice.stop(this.picture);
    this.#options.onChange();
  }

  /** Let time pass: what was sent long ago and never arrived is not saved. */
  age() {
    return this.#socket.phase === "attached" && this.outbox.age(Date.now());
  }

  dismissProblem() {
    if (!this.problem?.isFatal) this.problem = null;
  }

  /** Milliseconds since the conversation began, as well as the page knows. */
  get clockMs() {
    return this.startedAt === null ? 0 : Math.max(0, Date.now() - this.startedAt);
  }

  // --- what the server tells -----------------------------------------------------------

  #greeting() {
    this.#userVoice.restart();
    if (this.conversation === null) return { type: "start", agent: this.#options.agent };
    const { epoch, seq } = this.held;
    return { type: "resume", conversation: this.conversation, epoch, seq };
  }

  /** @param {{type: string, [field: string]: any}} message */
  #take(message) {
    switch (message.type) {
      case "hello":
        this.#hello(message);
        break;
      case "snapshot":
        this.held = fromSnapshot(/** @type {any} */ (message), this.picture);
        if (message.ms) this.#clockAt(message.ms);
        this.#hosted();
        break;
      case "resumed":
        this.#hosted();
        break;
      case "event":
        this.#event(/** @type {any} */ (message));
        break;
      case "waiting":
        this.#isHostless = true;
        break;
      case "gap":
        this.#note("gap", words.leftOut(message.ms));
        break;
      case "error":
        this.#error(message);
        break;
    }
    this.#changed();
  }

  /** Somebody hosts the conversation: what it has not got goes out (again). */
  #hosted() {
    this.#isHostless = false;
    this.outbox.unsend();
    this.outbox.settle(this.picture.turns);
    this.#deliver();
  }

  /** @param {{[field: string]: any}} hello */
  #hello(hello) {
    if (this.conversation === null) this.startedAt = Date.now();
    this.conversation = hello.conversation;
    this.#options.onHello(hello);
  }

  /** @param {{epoch: number, seq: number, ms: number, kind: string, [field: string]: any}} event */
  #event(event) {
    const held = take(this.held, event);
    if (held === null) throw new ProtocolFault("events are missing");
    if (held === this.held) return; // held already
    this.held = held;
    this.#clockAt(event.ms);
    this.voice.event(event, this.picture);
    if (event.kind === "notice") this.notices.push({ ms: event.ms, code: event.code, text: event.text });
    if (event.kind === "warning") this.#warned(event);
  }

  /** The server's clock is `ms` past the beginning. @param {number} ms */
  #clockAt(ms) {
    const startedAt = Date.now() - ms;
    this.startedAt = Math.min(this.startedAt ?? startedAt, startedAt);
  }

  /** What comes for certain stands in the transcript; idle time may be over with the next word.
   * @param {{ms: number, [field: string]: any}} event */
  #warned({ ms, what, left_ms, percent }) {
    if (what === "idle" || (left_ms === null && percent === null)) return;
    this.notices.push({ ms, code: `limit-${what}`, text: words.limitNear(what, left_ms, percent) });
  }

  /** @param {{[field: string]: any}} error */
  #error({ code, message, fix, fatal }) {
    this.problem = { code, message, fix, isFatal: fatal };
  }

  /** @param {string} code @param {string} text */
  #note(code, text) {
    this.notices.push({ ms: this.clockMs, code, text });
  }

  /** @param {string} phase @param {{problem?: string | null, retryAt?: number}} detail */
  #phase(phase, detail) {
    this.retryAt = detail.retryAt ?? null;
    if (phase === "waiting") {
      this.#lostAt ??= Date.now();
      if (this.problem?.isFatal) this.problem = null; // the close said: try again
    }
    if (phase === "closed") this.#closed(detail.problem ?? null);
    if (phase === "attached") this.#attached();
    else this.outbox.unsend();
    this.#changed();
  }

  /** @param {string | null} code */
  #closed(code) {
    if (code === null) this.#isOver = true;
    else if (!this.problem?.isFatal) this.problem = { code, isFatal: true, ...words.PROBLEMS[code] };
    else this.problem = { ...this.problem, code };
  }

  #attached() {
    const away = this.#lostAt === null ? 0 : Date.now() - this.#lostAt;
    this.#lostAt = null;
    if (away > WORTH_A_LINE_MS) this.#note("reconnected", words.reconnected(Math.round(away / 1000)));
    this.#deliver();
  }

  #deliver() {
    if (!this.#canSend) return;
    for (const { id, text } of this.outbox.takeUnsent(Date.now())) {
      this.#socket.send({ type: "text", id, text });
    }
    if (this.#wantsEnd) this.#socket.send({ type: "end" });
  }

  get #canSend() {
    return this.#socket.phase === "attached" && !this.#isHostless && !this.hasEnded;
  }

  #changed() {
    this.outbox.settle(this.picture.turns);
    if (this.picture.state === "live") this.#wasLive = true;
    this.#options.onChange();
  }
}

/** For pages without https, where `crypto.randomUUID` is missing. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
