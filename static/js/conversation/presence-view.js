// @ts-check
/** Who has the conversation, and the line of those that wait: banners, and what they hide. */

import { part, setText } from "./parts.js";
import * as words from "./words.js";

export class PresenceView {
  /** @param {import("./session.js").Session} session */
  constructor(session) {
    this.#session = session;
  }

  #session;

  render() {
    const { presence, hasEnded, isStarted } = this.#session;
    document.body.dataset.role = presence.role;
    const isSecond = presence.isSecond && isStarted && !hasEnded;
    part("elsewhere").hidden = !isSecond;
    if (isSecond) setText(part("text", part("elsewhere")), words.elsewhere(presence.isOwned));
    part("watching").hidden = !presence.observes || hasEnded;
    setText(part("text", part("watching")), words.watching(presence.isOwned && !presence.rests));
    if (!presence.isOwner || presence.place !== null) part("end").hidden = true;
    this.#renderLine(hasEnded ? null : presence.place);
  }

  /** @param {number | null} place */
  #renderLine(place) {
    const panel = part("line");
    panel.hidden = place === null;
    if (place === null) return;
    panel.dataset.place = String(place);
    setText(part("text", panel), words.inLine(place));
  }
}
