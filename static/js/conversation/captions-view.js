// @ts-check
/**
 * The caption strip: the user's last words in one line, the agent's in two, turned over like
 * pages. Its height never changes.
 */

import { part } from "./parts.js";

class Caption {
  /** @param {string} name */
  constructor(name) {
    this.#row = part(name);
    const words = part("words", this.#row);
    this.#window = words.parentElement;
    const rest = document.createElement("span");
    rest.className = "unplayed";
    rest.append(this.#rest);
    words.append(this.#heard, this.#here, rest);
  }

  #row;
  #window;
  #heard = new Text();
  #rest = new Text();
  #here = document.createElement("span");

  /** @param {string} text @param {number} heard letters @param {string} state of the turn */
  show(text, heard, state) {
    if (state) this.#row.dataset.state = state;
    if (this.#heard.data === text.slice(0, heard) && this.#rest.data === text.slice(heard)) return;
    this.#heard.data = text.slice(0, heard);
    this.#rest.data = text.slice(heard);
    this.#turnPage();
  }

  /** Show the page on which the last heard word stands. */
  #turnPage() {
    const height = this.#window.clientHeight;
    if (height) this.#window.scrollTop = Math.floor(this.#here.offsetTop / height) * height;
  }
}

export class CaptionsView {
  /** @param {import("./session.js").Session} session */
  constructor(session) {
    this.#session = session;
  }

  #session;
  #user = new Caption("caption-user");
  #agent = new Caption("caption-agent");

  render() {
    const { picture, outbox, voice } = this.#session;
    const answer = picture.turns.findLast((turn) => turn.speaker !== "user");
    const asked = picture.turns.findLast((turn) => turn.speaker === "user");
    const letter = outbox.waiting.at(-1);
    const own = letter?.text ?? asked?.text ?? "";
    this.#user.show(own, own.length, letter ? "partial" : (asked?.state ?? ""));
    const said = answer?.text ?? "";
    this.#agent.show(said, answer ? voice.speech.heard(answer.turn, said) : 0, answer?.state ?? "");
  }
}
