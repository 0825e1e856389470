// @ts-check
/** Where the user types: Enter sends, Shift+Enter breaks the line, the draft is kept. */

import { part } from "./parts.js";

const MAX_LINES_PX = 216;

export class Composer {
  /**
   * @param {import("./memory.js").Memory} memory
   * @param {(text: string) => boolean} onSend false: it stays in the field
   */
  constructor(memory, onSend) {
    this.#memory = memory;
    this.#onSend = onSend;
    // Somebody may have typed while this was loading; until now nothing could be sent.
    this.#field.value ||= memory.read("draft") ?? "";
    this.#field.oninput = () => this.#changed();
    this.#field.onkeydown = (/** @type {KeyboardEvent} */ event) => this.#key(event);
    part("composer-form").onsubmit = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#submit();
    };
    this.#changed();
  }

  #memory;
  #onSend;
  /** @type {HTMLTextAreaElement} */
  #field = part("composer");
  #send = part("send");

  focus() {
    this.#field.focus();
  }

  /** @param {number} chars */
  set limit(chars) {
    this.#field.maxLength = chars;
  }

  /** @param {boolean} isOff */
  set isOff(isOff) {
    this.#field.disabled = isOff;
    this.#changed();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const isComposing = event.isComposing || event.keyCode === 229; // an input method's Enter
    if (event.key !== "Enter" || event.shiftKey || isComposing) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    const text = this.#field.value.trim();
    if (!text || this.#field.disabled) return;
    if (!this.#onSend(text)) return;
    this.#field.value = "";
    this.#changed();
  }

  #changed() {
    const { value, disabled } = this.#field;
    this.#send.disabled = disabled || !value.trim();
    this.#memory.write("draft", value);
    if (CSS.supports("field-sizing", "content")) return;
    this.#field.style.height = "auto";
    this.#field.style.height = `${Math.min(MAX_LINES_PX, this.#field.scrollHeight + 2)}px`;
  }
}
