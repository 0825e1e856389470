// @ts-check
/** One turn in the transcript: made once, then changed in place. */

import { make, setText } from "./parts.js";
import * as words from "./words.js";

/**
 * @typedef {object} TurnFacts
 * @property {string} turn empty until the server has named it
 * @property {string} ref
 * @property {string} speaker
 * @property {string} name
 * @property {string} state
 * @property {string} text
 * @property {number} heard how many letters of the text have been heard
 * @property {boolean} isCut the rest will not be heard
 * @property {"" | "sending" | "saved" | "not-saved"} delivery of the user's own texts
 * @property {boolean} isOverdue it may be sent again
 * @property {number | null} at wall clock, ms
 */

export class TurnView {
  /** @param {TurnFacts} facts @param {(ref: string) => void} onSendAgain */
  constructor(facts, onSendAgain) {
    this.element = make("li", "turn", { testid: "turn", speaker: facts.speaker });
    this.#head = make("p", "turn-head");
    this.#speaker = make("span", "turn-speaker");
    this.#time = make("time", "");
    this.#delivery = make("span", "turn-delivery", { testid: "delivery" });
    this.#head.append(this.#speaker, this.#time, this.#delivery);
    this.#again = make("button", "", { testid: "send-again" });
    this.#again.type = "button";
    this.#again.textContent = words.SEND_AGAIN;
    this.#again.onclick = () => onSendAgain(facts.ref);
    this.#note = make("p", "turn-note", { testid: "turn-note" });
    this.element.append(this.#head, this.#newText(), this.#note);
    this.update(facts);
  }

  #head;
  #speaker;
  #time;
  #delivery;
  #again;
  #note;
  /** @type {any} */ #text;
  #heard = new Text();
  #rest = new Text();
  #isPartial = true;
  /** @type {TurnFacts | null} */ #shown = null;

  /** @param {TurnFacts} facts */
  update(facts) {
    if (this.#shown && isSame(this.#shown, facts)) return;
    this.#shown = facts;
    const { dataset } = this.element;
    dataset.turn = facts.turn;
    dataset.state = facts.state;
    setText(this.#speaker, facts.name);
    this.#showTime(facts.at);
    this.#showText(facts);
    this.#showDelivery(facts);
    this.element.toggleAttribute("data-cut", facts.isCut && facts.heard < facts.text.length);
    const note = facts.isCut ? words.TURN_NOTES.interrupted : words.TURN_NOTES[facts.state];
    this.#note.hidden = !note;
    setText(this.#note, note ?? "");
  }

  /**
   * Words in progress are hidden from screen readers; a finished turn is a new paragraph, so
   * that the log announces it once.
   * @param {TurnFacts} facts
   */
  #showText({ state, text, heard }) {
    const isPartial = state === "partial";
    if (this.#isPartial && !isPartial) this.#text.replaceWith(this.#newText());
    this.#isPartial = isPartial;
    if (isPartial) this.#text.setAttribute("aria-hidden", "true");
    // Text nodes are changed, not replaced: only whole paragraphs count as additions.
    if (this.#heard.data !== text.slice(0, heard)) this.#heard.data = text.slice(0, heard);
    if (this.#rest.data !== text.slice(heard)) this.#rest.data = text.slice(heard);
  }

  #newText() {
    const rest = make("span", "unplayed", { part: "unplayed" });
    rest.append(this.#rest);
    this.#text = make("p", "turn-text", { testid: "turn-text" });
    this.#text.append(this.#heard, rest);
    return this.#text;
  }

  /** @param {TurnFacts} facts */
  #showDelivery({ delivery, isOverdue }) {
    const { dataset } = this.element;
    if (delivery) dataset.delivery = delivery;
    else delete dataset.delivery;
    this.#delivery.toggleAttribute("data-bad", delivery === "not-saved");
    if (this.#delivery.firstChild?.data !== words.DELIVERY[delivery]) {
      this.#delivery.textContent = words.DELIVERY[delivery] ?? "";
    }
    if (isOverdue) this.#delivery.append(" ", this.#again);
    else this.#again.remove();
  }

  /** @param {number | null} at */
  #showTime(at) {
    if (at === null || this.#time.dateTime) return;
    const when = new Date(at);
    this.#time.dateTime = when.toISOString();
    this.#time.title = when.toLocaleString();
    this.#time.textContent = when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  }
}

/** @param {{[name: string]: any}} one @param {{[name: string]: any}} other */
function isSame(one, other) {
  return Object.keys(other).every((name) => one[name] === other[name]);
}
