// @ts-check
/** The line that says why there is no voice, where no socket comes through. */

import { part, setText } from "./parts.js";
import * as words from "./words.js";

/** A look is often over at once; people want to see that there was one. */
const LOOK_SHOWN_MS = 1000;

export class TextOnlyView {
  /**
   * @param {import("./session.js").Session} session
   * @param {(isTextOnly: boolean) => void} onChange voice and pictures have no way, or have one
   */
  constructor(session, onChange) {
    this.#session = session;
    this.#onChange = onChange;
    part("try-voice").onclick = () => this.#look();
  }

  #session;
  #onChange;
  #isTextOnly = false;
  #lookedAt = -Infinity;

  render() {
    const { isTextOnly, hasEnded } = this.#session;
    part("text-only").hidden = !isTextOnly || hasEnded;
    if (isTextOnly === this.#isTextOnly) return;
    this.#isTextOnly = isTextOnly;
    setText(part("way-status"), isTextOnly ? words.TEXT_ONLY : words.VOICE_BACK);
    const why = isTextOnly ? "text-only-words" : "";
    part("mic-toggle").setAttribute("aria-describedby", why);
    this.#onChange(isTextOnly);
  }

  /** What changes with time alone. */
  tick() {
    const button = part("try-voice");
    const isLooking = performance.now() - this.#lookedAt < LOOK_SHOWN_MS || this.#session.isLooking;
    setText(button, isLooking ? words.LOOKING : words.LOOK_AGAIN);
    button.setAttribute("aria-disabled", String(isLooking));
  }

  #look() {
    this.#lookedAt = performance.now();
    this.#session.tryVoice();
    this.tick();
  }
}
