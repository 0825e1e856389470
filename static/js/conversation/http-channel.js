// @ts-check
/**
 * A conversation without a socket: events by one request, each message by another one, in the
 * shape of a WebSocket (docs/reference/event-stream.md). No sound goes either way.
 *
 * An answer of the event stream is short. When it ends another one is asked for at once, from
 * the last event on, and whoever holds this channel notices nothing.
 */

import { ProtocolFault, parseMessage } from "./protocol.js";
import { LOST, OVER, closeOf, refusalOf } from "./refusals.js";
import { EventReader, Story } from "./server-events.js";

const EVENTS = "text/event-stream";
/** The server says something at least every 15 s. */
const LIVES_MS = 25000;
/** After an answer that told no news. */
const COME_BACK_MS = 500;
const LIMIT_REACHED = 4402;
const MOST_BARREN = 3;
/** What can be said without a socket; the rest belongs to sound, or to sockets. */
const SAID = new Set(["text", "tool-take", "tool-result", "stay", "stop-recording", "end"]);

/**
 * @typedef {object} Plain how the API is reached; it lasts longer than one channel
 * @property {string} url of the conversations
 * @property {() => string} csrf the page's token
 * @property {string | null} key of the conversation that was begun, and perhaps got no answer
 */

export class HttpChannel {
  /** @param {Plain} plain */
  constructor(plain) {
    this.#plain = plain;
    queueMicrotask(() => this.#open());
  }

  readyState = /** @type {number} */ (WebSocket.CONNECTING);
  binaryType = "arraybuffer";
  /** Nothing that waits here is in the way of anything else. */
  bufferedAmount = 0;
  /** @type {((event: any) => void) | null} */
  onopen = null;
  /** @type {((event: any) => void) | null} */
  onmessage = null;
  /** @type {((event: any) => void) | null} */
  onclose = null;

  #plain;
  #leaving = new AbortController();
  /** The conversation's own address, with the slash. */
  #address = "";
  #page = "";
  #heardAt = 0;
  /** @type {string[]} what is to be said, in order; the first one is under way */
  #unsaid = [];

  /** @param {string | ArrayBuffer} data a message as on the socket; sound and pictures are dropped */
  send(data) {
    if (this.readyState !== WebSocket.OPEN || typeof data !== "string") return;
    const message = JSON.parse(data);
    switch (message.type) {
      case "start":
        this.#start(message);
        break;
      case "resume":
        this.#resume(message);
        break;
      case "ping":
        if (performance.now() - this.#heardAt < LIVES_MS) this.#tell({ type: "pong" });
        break;
      default:
        if (SAID.has(message.type)) this.#say(data);
    }
  }

  /** @param {number} [code] */
  close(code = OVER) {
    this.#end(code);
  }

  #open() {
    if (this.readyState !== WebSocket.CONNECTING) return;
    this.readyState = WebSocket.OPEN;
    this.onopen?.({});
  }

  /** @param {number} code */
  #end(code) {
    if (this.readyState === WebSocket.CLOSED) return;
    this.readyState = WebSocket.CLOSED;
    this.#unsaid = [];
    this.#leaving.abort();
    queueMicrotask(() => this.onclose?.({ code }));
  }

  /** One after the other, each by itself: what goes wrong with one is not the network's fault.
   * @param {object} message */
  #tell(message) {
    const data = JSON.stringify(message);
    queueMicrotask(() => {
      if (this.readyState === WebSocket.OPEN) this.onmessage?.({ data });
    });
  }

  // --- beginning -------------------------------------------------------------------------

  /** @param {{agent: string, page: string, draft?: boolean, consent?: string}} message */
  async #start({ agent, page, draft, consent }) {
    // The same conversation, if the answer was lost and this is asked again.
    this.#plain.key ??= crypto.getRandomValues(new Uint32Array(4)).join("-");
    const body = JSON.stringify({ agent, ...(draft && { draft }), ...(consent && { consent }) });
    const answer = await this.#post(this.#plain.url, body, { "Idempotency-Key": this.#plain.key });
    if (answer === null) return;
    if (!answer.ok) {
      this.#plain.key = null;
      await this.#refused(answer);
      return;
    }
    const { id } = await jsonOf(answer);
    if (typeof id === "string") this.#hear(id, { page, mode: "take" }, "");
    else this.#end(LOST);
  }

  /** @param {{conversation: string, epoch: number, seq: number, page: string, mode: string}} message */
  #resume({ conversation, epoch, seq, page, mode }) {
    this.#hear(conversation, { page, mode }, epoch ? `${epoch}.${seq}` : "");
  }

  // --- hearing -----------------------------------------------------------------------------

  /** @param {string} conversation @param {{page: string, mode: string}} how @param {string} place */
  async #hear(conversation, how, place) {
    this.#address = `${this.#plain.url}${encodeURIComponent(conversation)}/`;
    this.#page = how.page;
    const address = `${this.#address}stream/?${new URLSearchParams(how)}`;
    const story = new Story(place);
    while (this.readyState === WebSocket.OPEN && story.barren < MOST_BARREN) {
      if (story.isQuiet) await pause(COME_BACK_MS);
      await this.#hearOnce(address, story);
    }
    this.#end(LOST);
  }

  /** One answer. @param {string} address @param {Story} story */
  async #hearOnce(address, story) {
    story.begin();
    /** @type {Record<string, string>} */
    const place = story.place ? { "Last-Event-ID": story.place } : {};
    this.#heardAt = performance.now();
    const signal = this.#leaving.signal;
    const answer = await this.#ask(address, { signal, headers: { Accept: EVENTS, ...place } });
    if (answer === null) return;
    if (answer.status === 204) this.#end(OVER);
    else if (!answer.ok) await this.#refused(answer);
    else if (!isA(EVENTS, answer) || answer.body === null) this.#end(LOST);
    else await this.#read(answer.body, story);
  }

  /** @param {ReadableStream<Uint8Array>} body @param {Story} story */
  async #read(body, story) {
    const reader = new EventReader();
    const pieces = body.pipeThrough(new TextDecoderStream()).getReader();
    while (this.readyState === WebSocket.OPEN) {
      const piece = await pieces.read().catch(() => null);
      if (piece === null) this.#end(LOST);
      if (piece === null || piece.done) return;
      this.#heardAt = performance.now();
      this.#take(reader.push(piece.value), story);
    }
  }

  /** @param {import("./server-events.js").ServerEvent[]} events @param {Story} story */
  #take(events, story) {
    for (const { id, data } of events) {
      const message = readMessage(data);
      if (message === null) this.#end(LOST);
      if (message === null || this.readyState !== WebSocket.OPEN) return;
      if (story.isNews(id, message)) this.#tell(message);
      if (story.isOver) queueMicrotask(() => this.#end(closeOf(message.code, LIMIT_REACHED)));
    }
  }

  // --- saying ------------------------------------------------------------------------------

  /** @param {string} message */
  async #say(message) {
    this.#unsaid.push(message);
    if (this.#unsaid.length > 1) return;
    while (this.#unsaid.length) {
      const how = new URLSearchParams({ page: this.#page });
      const answer = await this.#post(`${this.#address}messages/?${how}`, this.#unsaid[0]);
      if (answer !== null && !answer.ok) await this.#refused(answer);
      this.#unsaid.shift();
    }
  }

  /** @param {string} address @param {string} body @param {Record<string, string>} [more] */
  #post(address, body, more = {}) {
    const headers = { "Content-Type": "application/json", "X-CSRFToken": this.#plain.csrf(), ...more };
    return this.#ask(address, { method: "POST", body, headers });
  }

  // --- answers -----------------------------------------------------------------------------

  /** @param {string} address @param {RequestInit} how @returns {Promise<Response | null>} null
   *   where none came: the channel is closed then */
  async #ask(address, how) {
    const answer = await fetch(address, { cache: "no-store", ...how }).catch(() => null);
    if (answer === null) this.#end(LOST);
    return answer;
  }

  /** @param {Response} answer */
  async #refused(answer) {
    const problem = isA("application/problem+json", answer) ? await jsonOf(answer) : null;
    const { told, close } = refusalOf(answer.status, problem);
    if (told !== null) this.#tell(told);
    if (close !== null) queueMicrotask(() => this.#end(close));
  }
}

/** @param {string} type @param {Response} answer */
function isA(type, answer) {
  return answer.headers.get("Content-Type")?.split(";")[0] === type;
}

/** @param {Response} answer @returns {Promise<any>} an empty object for what is none, or was cut */
async function jsonOf(answer) {
  return (await answer.json().catch(() => null)) ?? {};
}

/** @param {string} data */
function readMessage(data) {
  try {
    return parseMessage(data);
  } catch (error) {
    if (error instanceof ProtocolFault) return null;
    throw error;
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
