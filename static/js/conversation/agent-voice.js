// @ts-check
/**
 * The agent's voice of one conversation: sound goes to the player, and how far its words
 * have been heard is kept in step.
 */

import { Speech } from "./speech.js";

/** @typedef {import("./state.js").Picture} Picture */

export class AgentVoice {
  /** @param {import("./player.js").Player | null} player null: this browser plays nothing */
  constructor(player) {
    this.#player = player;
  }

  #player;
  speech = new Speech();
  /** Another page of the same person plays it. */
  isSilent = false;
  /** @type {number | null} the answer that is spoken now, or was last */
  #stream = null;

  /**
   * @param {{kind: string, [field: string]: any}} event already folded into `picture`
   * @param {Picture} picture
   */
  event(event, picture) {
    switch (event.kind) {
      case "audio":
        this.#begin(event.stream, event.turn, 0);
        break;
      case "turn-text":
        this.speech.words(event.turn, textOf(picture, event.turn).length);
        break;
      case "turn-ended":
        this.speech.end(event.turn);
        break;
      case "interrupted":
        this.#cut(event.stream, picture);
        break;
    }
  }

  /** @param {import("./protocol.js").AudioFrame} frame @param {Picture} picture */
  hear(frame, picture) {
    if (!this.#player || this.isSilent) return;
    if (!this.speech.knows(frame.stream)) {
      // The page came in the middle of an answer: what stands there counts as heard.
      const turn = picture.turns.findLast((one) => one.speaker === "agent");
      this.#begin(frame.stream, turn?.turn ?? "", turn?.text.length ?? 0);
    }
    this.speech.received(frame.stream, this.#player.push(frame));
  }

  /** Silence the agent here and now; the server is not told. @param {Picture} picture */
  stop(picture) {
    if (this.#stream !== null) this.#cut(this.#stream, picture);
  }

  /** @param {number} stream @param {string} turn @param {number} length */
  #begin(stream, turn, length) {
    if (!this.#player || this.isSilent) return;
    this.#stream = stream;
    this.#player.begin(stream);
    this.speech.begin(stream, turn, length);
  }

  /** @param {number} stream @param {Picture} picture */
  #cut(stream, picture) {
    this.speech.cut(stream, (turn) => textOf(picture, turn));
    this.#player?.cut(stream);
  }
}

/** @param {Picture} picture @param {string} key */
function textOf(picture, key) {
  return picture.turns.findLast((turn) => turn.turn === key)?.text ?? "";
}
