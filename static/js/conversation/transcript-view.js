// @ts-check
/** The transcript: turns, texts on their way, system lines; follows the end while the reader does. */

import { make, part, setText } from "./parts.js";
import { ToolView, cardElement } from "./tool-view.js";
import { TurnView } from "./turn-view.js";
import * as words from "./words.js";

/**
 * @typedef {import("./session.js").Session} Session
 * @typedef {import("./state.js").Turn} Turn
 * @typedef {{key: string, element: HTMLElement}} Line
 */

/** This close to the end counts as being there. */
const NEAR_PX = 48;

export class TranscriptView {
  /** @param {Session} session @param {{agent: string, user: string}} names */
  constructor(session, names) {
    this.#session = session;
    this.#names = { ...words.SPEAKERS, ...names };
    this.#jump.onclick = () => this.#follow();
    this.#scroll.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#isFollowing && this.#toEnd()).observe(this.#scroll);
  }

  #session;
  /** @type {{[speaker: string]: string}} */
  #names;
  /** @type {HTMLOListElement} */
  #list = part("transcript");
  /** @type {HTMLElement} */
  #scroll = part("scroll");
  #jump = part("jump");
  /** @type {Map<string, TurnView>} */
  #views = new Map();
  /** @type {Map<string, ToolView>} */
  #tools = new Map();
  #isFollowing = true;
  #unread = 0;

  render() {
    const lines = this.#lines();
    this.#unread += Math.max(0, lines.length - this.#list.children.length);
    this.#arrange(lines.map((line) => line.element));
    this.#forget(new Set(lines.map((line) => line.key)));
    if (this.#isFollowing) this.#toEnd();
    this.#showJump();
  }

  /** @returns {Line[]} */
  #lines() {
    const { picture, outbox } = this.#session;
    const beside = this.#beside();
    /** @type {Line[]} */
    const lines = [];
    for (const turn of picture.turns) {
      while (beside.length && beside[0].ms <= turn.ms) lines.push(beside.shift().line);
      lines.push(this.#turnLine(turn));
    }
    lines.push(...beside.map(({ line }) => line));
    return [...lines, ...outbox.waiting.map((letter) => this.#letterLine(letter))];
  }

  /** What stands between turns, in order. @returns {any[]} */
  #beside() {
    const { picture, notices, cards } = this.#session;
    return [
      ...notices.map((notice) => ({ ms: notice.ms, line: noticeLine(notice) })),
      ...picture.tools.map((tool) => ({ ms: tool.ms, line: this.#toolLine(tool) })),
      ...cards.map((shown) => ({ ms: shown.ms, line: cardLine(shown) })),
    ].sort((one, other) => one.ms - other.ms);
  }

  /** @param {import("./state.js").Tool} tool @returns {Line} */
  #toolLine(tool) {
    const key = `tool ${tool.call}`;
    const view = this.#tools.get(key) ?? new ToolView(tool);
    this.#tools.set(key, view);
    view.update(tool);
    return { key, element: view.element };
  }

  /** @param {Turn} turn @returns {Line} */
  #turnLine(turn) {
    const { speech } = this.#session.voice;
    const isSpoken = turn.speaker === "agent";
    return this.#line({
      turn: turn.turn,
      ref: turn.ref ?? "",
      speaker: turn.speaker,
      name: this.#names[turn.speaker] ?? turn.speaker,
      state: turn.state,
      text: turn.text,
      heard: isSpoken ? speech.heard(turn.turn, turn.text) : turn.text.length,
      isCut: isSpoken && speech.isCut(turn.turn),
      delivery: turn.ref ? this.#deliveryOf(turn) : "",
      isOverdue: false,
      at: this.#session.startedAt === null ? null : this.#session.startedAt + turn.ms,
    });
  }

  /** @param {Turn} turn */
  #deliveryOf(turn) {
    if (turn.saved) return "saved";
    return turn.state === "failed" || this.#session.hasEnded ? "not-saved" : "sending";
  }

  /** @param {import("./outbox.js").Letter} letter @returns {Line} */
  #letterLine(letter) {
    const { hasEnded } = this.#session;
    return this.#line({
      turn: "",
      ref: letter.id,
      speaker: "user",
      name: this.#names.user,
      state: "partial",
      text: letter.text,
      heard: letter.text.length,
      isCut: false,
      delivery: letter.overdue || hasEnded ? "not-saved" : "sending",
      isOverdue: letter.overdue && !hasEnded,
      at: null,
    });
  }

  /** @param {import("./turn-view.js").TurnFacts} facts @returns {Line} */
  #line(facts) {
    // A text of the user's own keeps its place and its element when it becomes a turn.
    const key = facts.ref ? `ref ${facts.ref}` : `turn ${facts.turn}`;
    let view = this.#views.get(key);
    if (view) view.update(facts);
    else {
      view = new TurnView(facts, (ref) => this.#session.sendAgain(ref));
      this.#views.set(key, view);
    }
    return { key, element: view.element };
  }

  /** Put the elements into this order, moving only what is elsewhere. @param {HTMLElement[]} elements */
  #arrange(elements) {
    elements.forEach((element, index) => {
      const there = this.#list.children[index];
      if (there !== element) this.#list.insertBefore(element, there ?? null);
    });
    while (this.#list.children.length > elements.length) this.#list.lastElementChild?.remove();
  }

  /** @param {Set<string>} shown */
  #forget(shown) {
    for (const views of [this.#views, this.#tools]) {
      for (const key of views.keys()) if (!shown.has(key)) views.delete(key);
    }
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroll;
    this.#isFollowing = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    if (this.#isFollowing) this.#unread = 0;
    this.#showJump();
  }

  #follow() {
    this.#isFollowing = true;
    this.#toEnd();
  }

  #toEnd() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    this.#unread = 0;
  }

  #showJump() {
    this.#jump.hidden = this.#isFollowing;
    setText(part("text", this.#jump), words.latest(this.#unread));
  }
}

/** @type {WeakMap<object, Line>} */
const cardLines = new WeakMap();

/** @param {{card: import("./page-functions.js").Card}} shown @returns {Line} */
function cardLine(shown) {
  const line = cardLines.get(shown) ?? { key: "", element: cardElement(shown.card) };
  cardLines.set(shown, line);
  return line;
}

/** @type {WeakMap<object, Line>} */
const noticeLines = new WeakMap();

/** @param {any} notice @returns {Line} */
function noticeLine(notice) {
  let line = noticeLines.get(notice);
  if (!line) {
    const element = make("li", "system-line", { testid: "notice", code: notice.code });
    const text = make("span", "");
    text.textContent = notice.text;
    element.append(text);
    line = { key: "", element };
    noticeLines.set(notice, line);
  }
  return line;
}
