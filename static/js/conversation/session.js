// @ts-check
/**
 * One conversation as the page holds it: what the server told, what the user sent and the
 * server has not taken yet, and how much of the voice was heard. It touches no document.
 */

import { AgentVoice } from "./agent-voice.js";
import { Outbox } from "./outbox.js";
import { PageTools, TOOL_REFUSALS } from "./page-tools.js";
import { ProtocolFault } from "./protocol.js";
import { ConversationSocket } from "./socket.js";
import { NOTHING, fromSnapshot, take } from "./state.js";
import { Uplink } from "./uplink.js";
import * as words from "./words.js";

/** An outage shorter than this is not worth a line. */
const WORTH_A_LINE_MS = 2000;
/** What the agent does while neither side speaks. */
const AT_REST = new Set(["waiting", "listening"]);
/** Nothing more was lost for this long: time to tell how much it was. */
const LOSS_IS_OVER_MS = 2000;

/**
 * @typedef {{ms: number, code: string, text: string}} Notice
 * @typedef {{code: string, message: string, fix: string, isFatal: boolean}} Problem
 *
 * @typedef {object} SessionOptions
 * @property {string} agent id
 * @property {string | null} conversation id, once there is one
 * @property {string} url of the socket
 * @property {import("./http-channel.js").Plain} plain the way without a socket
 * @property {import("./presence.js").Presence} presence
 * @property {readonly {id: string, text: string}[]} kept undelivered texts from before a reload
 * @property {import("./player.js").Player | null} player null: this browser plays nothing
 * @property {number | null} ageMs how long ago the conversation began, if known
 * @property {() => string | null} consent the version of the text that was agreed to
 * @property {{[name: string]: import("./page-tools.js").PageFunction}} functions that agents may call
 * @property {() => void} onChange
 * @property {(hello: {[field: string]: any}) => void} onHello
 */

export class Session {
  /** @param {SessionOptions} options */
  constructor(options) {
    this.conversation = options.conversation;
    this.outbox = new Outbox(options.kept);
    this.voice = new AgentVoice(options.player);
    this.presence = options.presence;
    this.#options = options;
    this.#tools = new PageTools(options.functions, options.presence.page, () => this.#deliver());
    this.startedAt = options.ageMs === null ? null : Date.now() - options.ageMs;
    this.#socket = new ConversationSocket(options.url, options.plain, {
      greeting: () => this.#greeting(),
      onMessage: (message) => this.#take(message),
      onAudio: (frame) => this.voice.hear(frame, this.picture),
      onPhase: (phase, detail) => this.#phase(phase, detail),
      isAtRest: () => AT_REST.has(this.picture.agent),
    });
  }

  #options;
  #socket;
  #uplink = new Uplink();
  #tools;
  /** The user's voice that nobody got: how much, and when the last of it was lost. */
  #loss = { ms: 0, at: 0 };
  /** @type {import("./state.js").Held} */
  held = NOTHING;
  /** @type {Notice[]} */
  notices = [];
  /** What agents have shown. @type {{ms: number, card: import("./page-functions.js").Card}[]} */
  cards = [];
  /** @type {Problem | null} */
  problem = null;
  /** @type {number | null} wall clock, ms */
  startedAt = null;
  /** @type {number | null} wall clock of the next attempt, while waiting for it */
  retryAt = null;
  isAsking = false;
  #isHostless = false;
  /** The last snapshot replaced what the page held, as after a long absence. */
  #isReloaded = false;
  #wasLive = false;
  #isOver = false;
  #wantsEnd = false;
  #wantsNoRecording = false;
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
    if (this.#socket.isMoving) return this.#attachedWord();
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
    if (this.presence.rests) return "idle";
    if (!this.#isHostless && this.picture.state === "live") return this.#liveWord();
    if (!this.#isHostless && this.picture.state === "rotating") return "upstream-handoff";
    return this.#wasLive ? "resuming" : "connecting";
  }

  #liveWord() {
    return this.isTextOnly ? "degraded-http" : "ready";
  }

  /** No socket comes through: what is typed and written does, voice and pictures do not. */
  get isTextOnly() {
    return this.#socket.isTextOnly;
  }

  // --- what the person does --------------------------------------------------------------

  start() {
    if (this.#socket.phase === "idle" || this.#socket.phase === "closed") this.tryNow();
  }

  tryNow() {
    this.problem = null;
    this.#socket.connect();
  }

  /** Have the conversation here, whichever page has it now. */
  takeOver() {
    this.presence.claim();
    this.tryNow();
  }

  /** Leave for the browser's page cache; `tryNow` comes back. */
  suspend() {
    this.#uplink.clearVoice();
    this.#socket.close();
  }

  /** Whether it is being looked right now if a socket comes through. */
  get isLooking() {
    return this.#socket.isLooking;
  }

  /** Look whether voice and pictures have a way again. */
  tryVoice() {
    this.#socket.upgrade();
    this.#options.onChange();
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
    this.#uplink.pushVoice(pcm, Date.now());
    this.#sendUp();
  }

  /** What the camera sees or the screen shows; it goes now, soon, or not at all.
   * @param {ArrayBuffer} jpeg */
  showPicture(jpeg) {
    if (this.#canSend) this.#uplink.pushPicture(jpeg);
    this.#sendUp();
  }

  /** The camera was switched off. */
  endPictures() {
    this.#uplink.clearPictures();
  }

  /** The connection is too slow for pictures, and they are not sent. */
  get isCameraPaused() {
    return this.#uplink.isCameraPaused;
  }

  #sendUp() {
    if (!this.#canSend) return;
    const frames = this.#uplink.take(this.#socket.bufferedAmount, Date.now());
    for (const frame of frames) this.#socket.sendFrame(frame);
  }

  /** The microphone was switched off. */
  endVoice() {
    this.#uplink.clearVoice();
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
    if (this.presence.place !== null) this.#socket.sendEarly({ type: "end" });
    this.#deliver();
  }

  /** Nothing more of what is heard is kept; without a connection, as soon as there is one. */
  stopRecording() {
    this.#wantsNoRecording = true;
    this.#deliver();
  }

  stopSpeaking() {
    this.voice.stop(this.picture);
    this.#options.onChange();
  }

  /** Let time pass: what waits may go, and what was sent long ago and never arrived is not saved.
   * @returns {boolean} whether something changed */
  age() {
    this.#sendUp();
    const hasLost = this.#tellLoss();
    return (this.#socket.phase === "attached" && this.outbox.age(Date.now())) || hasLost;
  }

  /** @param {number} ms of the user's voice that nobody got */
  #lose(ms) {
    if (ms) this.#loss = { ms: this.#loss.ms + ms, at: Date.now() };
  }

  /** One line for each run of losses, once it is over. */
  #tellLoss() {
    this.#lose(this.#uplink.takeLost());
    const { ms, at } = this.#loss;
    if (!ms || Date.now() - at < LOSS_IS_OVER_MS) return false;
    this.#loss = { ms: 0, at: 0 };
    this.#note("voice-lost", words.voiceLost(ms));
    return true;
  }

  /** @param {import("./page-functions.js").Card} card */
  showCard(card) {
    this.cards.push({ ms: this.clockMs, card });
    this.#options.onChange();
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
    this.#uplink.restart();
    if (this.conversation === null) {
      const { agent, draft } = this.#options;
      const consent = this.#options.consent();
      const more = { ...(draft && { draft }), ...(consent && { consent }) };
      return { type: "start", agent, ...more, ...this.presence.start };
    }
    const { epoch, seq } = this.held;
    return { type: "resume", conversation: this.conversation, epoch, seq, ...this.presence.resume };
  }

  /** @param {{type: string, [field: string]: any}} message */
  #take(message) {
    switch (message.type) {
      case "hello":
        this.#hello(message);
        break;
      case "presence":
        this.presence.stand(/** @type {any} */ (message));
        this.#listen();
        break;
      case "snapshot":
        this.#isReloaded = this.held.epoch > 0;
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
        this.presence.wait(/** @type {any} */ (message));
        break;
      case "gap":
        if (message.speaker === "user") this.#lose(message.ms);
        else this.#note("gap", words.leftOut(message.ms));
        break;
      case "error":
        this.#error(message);
        break;
    }
    this.#changed();
  }

  /** Whether the voice comes to this page, and is played here. */
  #listen() {
    this.voice.isSilent = this.presence.isSecond || this.isTextOnly;
    if (this.isTextOnly) this.voice.speech.forget();
  }

  /** Somebody hosts the conversation: what it has not got goes out (again). */
  #hosted() {
    this.#isHostless = false;
    this.presence.stopWaiting();
    this.outbox.unsend();
    this.#tools.unsend();
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
    if (event.kind === "recording") this.#recorded(event);
    if (event.kind === "tool") this.#deliver();
  }

  /** The server's clock is `ms` past the beginning. @param {number} ms */
  #clockAt(ms) {
    const startedAt = Date.now() - ms;
    this.startedAt = Math.min(this.startedAt ?? startedAt, startedAt);
  }

  /** The first time it begins, and when the person has stopped it: a new host begins again, which
   * is no news. @param {{[field: string]: any}} event */
  #recorded({ ms, on }) {
    if (on && this.#wantsNoRecording) this.#deliver();
    const code = on ? "recording" : "recording-stopped";
    const isNews = on !== this.#wantsNoRecording && !this.notices.some((each) => each.code === code);
    if (isNews) this.notices.push({ ms, code, text: words.RECORDING[on ? "on" : "off"] });
  }

  /** What comes for certain stands in the transcript; idle time may be over with the next word.
   * @param {{ms: number, [field: string]: any}} event */
  #warned({ ms, what, left_ms, percent }) {
    if (what === "idle" || (left_ms === null && percent === null)) return;
    this.notices.push({ ms, code: `limit-${what}`, text: words.limitNear(what, left_ms, percent) });
  }

  /** @param {{[field: string]: any}} error */
  #error({ code, message, fix, fatal }) {
    if (TOOL_REFUSALS.has(code)) return;
    this.problem = { code, message, fix, isFatal: fatal };
  }

  /** @param {string} code @param {string} text */
  #note(code, text) {
    this.notices.push({ ms: this.clockMs, code, text });
  }

  /** @param {string} phase @param {{problem?: string | null, retryAt?: number}} detail */
  #phase(phase, detail) {
    this.retryAt = detail.retryAt ?? null;
    if (phase !== "attached") this.presence.stopWaiting();
    if (phase === "introduced") this.#isReloaded = false;
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
    this.#listen();
    if (this.isTextOnly) this.#uplink.clearVoice();
    if (away > WORTH_A_LINE_MS) {
      const back = this.#isReloaded ? words.reloaded : words.reconnected;
      this.#note("reconnected", back(Math.round(away / 1000)));
    }
    this.#deliver();
  }

  #deliver() {
    if (!this.#canSend) return;
    for (const { id, text } of this.outbox.takeUnsent(Date.now())) {
      this.#socket.send({ type: "text", id, text });
    }
    for (const message of this.#tools.due(this.picture.tools)) this.#socket.send(message);
    if (this.#wantsNoRecording && this.picture.recording) this.#socket.send({ type: "stop-recording" });
    if (this.#wantsEnd) this.#socket.send({ type: "end" });
  }

  get #canSend() {
    const isHosted = this.#socket.phase === "attached" && !this.#isHostless;
    return isHosted && this.presence.isOwner && !this.hasEnded;
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
