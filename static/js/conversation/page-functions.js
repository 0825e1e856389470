// @ts-check
/** The functions that this page offers to agents whose admins have named them: see the tools guide. */

import { CannotDo } from "./page-tools.js";

/**
 * @typedef {{title: string, text: string, link: string}} Card
 */

const TITLE_CHARS = 120;
const TEXT_CHARS = 2000;

/**
 * @param {(card: Card) => void} show
 * @returns {{[name: string]: import("./page-tools.js").PageFunction}}
 */
export function pageFunctions(show) {
  return {
    get_local_time: () => localTime(new Date()),
    show_card: (card) => {
      show(cardOf(card));
      return { shown: true };
    },
  };
}

/** @param {Date} now */
export function localTime(now) {
  const { locale, timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const offset = -now.getTimezoneOffset();
  const local = new Date(now.getTime() + offset * 60000).toISOString().slice(0, 19);
  return { time: local + offsetOf(offset), time_zone: timeZone, language: locale };
}

/** @param {number} minutes east of UTC @returns {string} such as +05:30 */
function offsetOf(minutes) {
  const two = (/** @type {number} */ value) => String(Math.floor(value)).padStart(2, "0");
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(size / 60)}:${two(size % 60)}`;
}

/**
 * @param {{[name: string]: any}} args
 * @returns {Card}
 * @throws {CannotDo} when there is nothing to show, or a link that leads nowhere good
 */
export function cardOf({ title = "", text = "", link = "" }) {
  const card = { title: String(title).slice(0, TITLE_CHARS), text: String(text).slice(0, TEXT_CHARS) };
  if (!card.title && !card.text) throw new CannotDo("A card needs a title or a text.");
  return { ...card, link: link ? safeLink(String(link)) : "" };
}

/** @param {string} link */
function safeLink(link) {
  const url = URL.parse?.(link) ?? null;
  if (url?.protocol !== "https:") throw new CannotDo("A card's link has to begin with https://.");
  return url.href;
}
