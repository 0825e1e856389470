// @ts-check
/** Asking to record before a conversation begins, and the mark while it is recorded. */

import { part } from "./parts.js";

export class RecordingView {
  /**
   * @param {import("./session.js").Session} session
   * @param {{required: boolean, version: string} | null} terms null: nothing is asked
   */
  constructor(session, terms) {
    this.#session = session;
    this.#terms = terms;
    this.#mark.onclick = () => part("recording-dialog").showModal();
    part("recording-dialog").onclose = (/** @type {Event} */ { target }) => {
      if (/** @type {HTMLDialogElement} */ (target).returnValue === "stop") session.stopRecording();
    };
    if (terms) part("consent-check").onchange = () => this.#tellNeed(false);
  }

  #session;
  #terms;
  #mark = part("recording");

  /** The version of the text that the person agreed to. @returns {string | null} */
  get consent() {
    return this.#terms && part("consent-check").checked ? this.#terms.version : null;
  }

  /** Whether a conversation may begin; if not, the person is told what is missing. */
  mayBegin() {
    if (this.#session.isStarted || !this.#terms?.required || this.consent) return true;
    this.#tellNeed(true);
    part("consent-check").focus();
    return false;
  }

  render() {
    this.#mark.hidden = !this.#session.picture.recording || this.#session.hasEnded;
    this.#mark.disabled = !this.#session.presence.isOwner;
    if (this.#mark.hidden && part("recording-dialog").open) part("recording-dialog").close();
  }

  /** @param {boolean} isMissing */
  #tellNeed(isMissing) {
    part("consent-need").hidden = !isMissing;
    part("consent-check").setAttribute("aria-invalid", String(isMissing));
  }
}
