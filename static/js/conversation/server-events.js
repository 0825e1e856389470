// @ts-check
/**
 * Server-sent events as `GET …/stream/` tells them (WHATWG HTML, section 9.2), over any number of
 * answers, as one story. Pure: no network, no clock.
 */

/** @typedef {{id: string, data: string}} ServerEvent `id`: "" where the event has no place */

/** Cuts the text of one answer into events. */
export class EventReader {
  #rest = "";
  #id = "";
  /** @type {string[]} */
  #data = [];

  /**
   * @param {string} text in pieces of any size
   * @returns {ServerEvent[]} what is complete now
   */
  push(text) {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#line(line.replace(/\r$/, "")) ?? []);
  }

  /** @param {string} line @returns {ServerEvent | null} */
  #line(line) {
    if (line === "") return this.#end();
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (name === "id") this.#id = value;
    if (name === "data") this.#data.push(value);
    return null;
  }

  #end() {
    const event = { id: this.#id, data: this.#data.join("\n") };
    const isEmpty = this.#data.length === 0;
    this.#id = "";
    this.#data = [];
    return isEmpty ? null : event;
  }
}

/**
 * One connection's events, told by one answer after the other. That another answer has begun
 * is no news: its greeting is left out.
 */
export class Story {
  /** @param {string} place `epoch.seq` of the last event that is held; "" for none */
  constructor(place) {
    this.place = place;
  }

  /** Answers in a row that told nothing but that the server is there. */
  barren = 0;
  /** The last answer told no news. */
  isQuiet = false;
  #isGreeted = false;
  #isHosted = false;
  #isOver = false;

  /** Whether the server has said why it lets this page go. */
  get isOver() {
    return this.#isOver;
  }

  /** Another answer begins. */
  begin() {
    this.barren += 1;
    this.isQuiet = true;
  }

  /**
   * @param {string} id of the event
   * @param {{type: string, [field: string]: any}} message its data
   * @returns {boolean} whether the page is to hear it
   */
  isNews(id, { type, fatal }) {
    if (id) this.place = id;
    if (type !== "hello") this.barren = 0;
    if (type === "error" && fatal) this.#isOver = true;
    const isNews = !this.#isGreeting(type);
    if (isNews) this.isQuiet = false;
    return isNews;
  }

  /** Whether it only says that this is the next answer. @param {string} type */
  #isGreeting(type) {
    const wasGreeted = this.#isGreeted;
    const wasHosted = this.#isHosted;
    if (type === "hello") this.#isGreeted = true;
    if (type === "waiting") this.#isHosted = false;
    if (type === "resumed" || type === "snapshot") this.#isHosted = true;
    return type === "hello" ? wasGreeted : type === "resumed" && wasHosted;
  }
}
