// @ts-check
/**
 * The tool calls that this page makes. Pure, but for the functions it is given.
 *
 * A call is taken first, and made once the server says that it runs and that this page took it.
 * So it is made once: not by a second tab, nor by this one after a reload.
 */

import { RESULT_BYTES } from "./protocol.js";
import * as words from "./words.js";

/**
 * @typedef {(args: {[name: string]: any}, stop: AbortSignal) => any} PageFunction what it returns,
 *   or promises, is a JSON object for the model; what it throws is told to the model in its words
 * @typedef {import("./state.js").Tool} Tool
 *
 * @typedef {object} Call one that this page answers
 * @property {{[name: string]: any}} args
 * @property {boolean} isSaid what there is to say went out on this socket
 * @property {boolean} hasBegun
 * @property {AbortController} stop
 * @property {{result: any} | {error: string} | null} answer
 */

/** Refusals of what was said again after a cut: there is nothing to do about them. */
export const TOOL_REFUSALS = new Set(["unknown-call", "call-taken", "call-not-taken"]);

/** A page does not do it, for a reason that the model may tell. */
export class CannotDo extends Error {}

export class PageTools {
  /**
   * @param {{[name: string]: PageFunction}} functions
   * @param {string} by this page's word, which no other page uses
   * @param {() => void} onAnswer there is something to send
   */
  constructor(functions, by, onAnswer) {
    this.#functions = functions;
    this.#by = by;
    this.#onAnswer = onAnswer;
  }

  #functions;
  #by;
  #onAnswer;
  /** @type {Map<string, Call>} */
  #calls = new Map();

  /**
   * What to send now about these calls; each is sent once on a socket.
   * @param {readonly Tool[]} tools
   * @returns {{type: string, [field: string]: any}[]}
   */
  due(tools) {
    this.#forget(new Set(tools.filter(isOpen).map((tool) => tool.call)));
    return tools.filter(isOpen).flatMap((tool) => this.#next(tool) ?? []);
  }

  /** The socket is gone: nothing counts as sent. */
  unsend() {
    for (const call of this.#calls.values()) call.isSaid = false;
  }

  /** @param {Tool} tool */
  #next(tool) {
    if (tool.state === "requested") return this.#answerRequest(tool);
    const call = this.#calls.get(tool.call);
    if (!call || tool.by !== this.#by) return null;
    if (!call.hasBegun) this.#begin(tool, call);
    if (call.answer === null || call.isSaid) return null;
    call.isSaid = true;
    return { type: "tool-result", call: tool.call, ...call.answer };
  }

  /** @param {Tool} tool */
  #answerRequest({ call, name, args }) {
    const ours = this.#calls.get(call) ?? newCall(args ?? {});
    this.#calls.set(call, ours);
    if (ours.isSaid) return null;
    ours.isSaid = true;
    if (Object.hasOwn(this.#functions, name)) return { type: "tool-take", call, by: this.#by };
    return { type: "tool-result", call, error: words.NO_SUCH_FUNCTION };
  }

  /** @param {Tool} tool @param {Call} call */
  async #begin({ name }, call) {
    call.hasBegun = true;
    call.isSaid = false;
    try {
      call.answer = await this.#make(name, call);
    } catch (error) {
      call.answer = { error: error instanceof CannotDo ? error.message : words.FUNCTION_FAILED };
    }
    this.#onAnswer();
  }

  /** @param {string} name @param {Call} call */
  async #make(name, { args, stop }) {
    return resultOf(await this.#functions[name](args, stop.signal));
  }

  /** @param {Set<string>} open those that are over are not ours to make any more */
  #forget(open) {
    for (const [id, call] of this.#calls) {
      if (open.has(id)) continue;
      call.stop.abort();
      this.#calls.delete(id);
    }
  }
}

/** @param {Tool} tool */
export function isOpen({ state }) {
  return state === "requested" || state === "running";
}

/** @param {{[name: string]: any}} args @returns {Call} */
function newCall(args) {
  return { args, isSaid: false, hasBegun: false, stop: new AbortController(), answer: null };
}

/** @param {any} result */
function resultOf(result) {
  const size = new TextEncoder().encode(JSON.stringify(result)).length;
  return size > RESULT_BYTES ? { error: words.RESULT_TOO_LONG } : { result };
}
