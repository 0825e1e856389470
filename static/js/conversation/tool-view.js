// @ts-check
/** A tool call in the transcript, and a card that an agent shows: made once, changed in place. */

import { make, setText } from "./parts.js";
import * as words from "./words.js";

export class ToolView {
  /** @param {import("./state.js").Tool} tool */
  constructor(tool) {
    this.element = make("li", "tool-card", { testid: "tool" });
    this.#name = make("span", "tool-name");
    this.#state = make("span", "tool-state");
    this.#summary = make("p", "tool-summary", { testid: "tool-summary" });
    const head = make("p", "tool-head");
    head.append(this.#name, this.#state);
    this.element.append(head, this.#summary);
    this.update(tool);
  }

  #name;
  #state;
  #summary;
  /** @type {import("./state.js").Tool | null} */
  #shown = null;

  /** @param {import("./state.js").Tool} tool */
  update(tool) {
    if (tool === this.#shown) return;
    this.#shown = tool;
    this.element.dataset.state = tool.state;
    setText(this.#name, words.functionName(tool.name));
    setText(this.#state, words.toolState(tool.state, tool.took_ms));
    setText(this.#summary, tool.summary ?? "");
    this.#summary.hidden = !tool.summary;
  }
}

/** @param {import("./page-functions.js").Card} card */
export function cardElement({ title, text, link }) {
  const element = make("li", "agent-card", { testid: "agent-card" });
  if (title) element.append(filled("h3", "", title));
  if (text) element.append(filled("p", "", text));
  if (link) {
    const anchor = filled("a", "", words.opens(new URL(link).host));
    Object.assign(anchor, { href: link, target: "_blank", rel: "noopener noreferrer" });
    element.append(anchor);
  }
  return element;
}

/** @param {string} tag @param {string} className @param {string} text */
function filled(tag, className, text) {
  const element = make(tag, className);
  element.textContent = text;
  return element;
}
