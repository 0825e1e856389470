// @ts-check
/** Times of stored conversations, in the reader's own zone and language. Without it they stand in UTC. */

/** @type {{[name: string]: Intl.DateTimeFormatOptions}} */
const SHAPES = {
  time: { hour: "2-digit", minute: "2-digit" },
  "date-time": { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" },
  long: { dateStyle: "full", timeStyle: "short" },
  day: { weekday: "long", day: "numeric", month: "long", year: "numeric" },
};

/** @param {Date} date @returns {string} 2026-11-22, in the reader's zone */
function dayOf(date) {
  const two = (/** @type {number} */ value) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** @param {number} ms @returns {string} such as 2:14 or 1:02:14 */
function length(ms) {
  const seconds = Math.round(ms / 1000);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((value, n) => (n ? String(value).padStart(2, "0") : String(value))).join(":");
}

/** Server days are UTC's: every row moves to the day it belongs to here. @param {Element} list */
function regroup(list) {
  for (const row of list.querySelectorAll("[data-day] .row")) {
    const time = /** @type {HTMLTimeElement} */ (row.querySelector("time"));
    const day = dayOf(new Date(time.dateTime));
    const section = /** @type {HTMLElement} */ (row.closest("[data-day]"));
    // Also when it stays: rows come in order, so each day's list keeps that order.
    sectionOf(list, day, section).querySelector("ol")?.append(row);
  }
  for (const section of list.querySelectorAll("[data-day]")) {
    if (!section.querySelector(".row")) section.remove();
  }
}

/** @param {Element} list @param {string} day @param {HTMLElement} beside @returns {HTMLElement} */
function sectionOf(list, day, beside) {
  const there = list.querySelector(`[data-day="${day}"]`);
  if (there) return /** @type {HTMLElement} */ (there);
  const section = /** @type {HTMLElement} */ (beside.cloneNode(true));
  section.dataset.day = day;
  section.querySelector("time")?.setAttribute("datetime", day);
  section.querySelector("ol")?.replaceChildren();
  if (day > (beside.dataset.day ?? "")) beside.before(section);
  else beside.after(section);
  return section;
}

document.querySelectorAll("[data-days]").forEach(regroup);
for (const time of document.querySelectorAll("time[data-show]")) {
  const { dateTime, dataset } = /** @type {HTMLTimeElement} */ (time);
  const isDay = dataset.show === "day"; // a date alone would be read as midnight in UTC
  const date = new Date(isDay ? `${dateTime}T12:00` : dateTime);
  time.textContent = date.toLocaleString([], SHAPES[dataset.show ?? "time"]);
  if (!isDay) /** @type {HTMLElement} */ (time).title = date.toLocaleString();
}
for (const element of document.querySelectorAll("[data-duration-ms]")) {
  const ms = Number(/** @type {HTMLElement} */ (element).dataset.durationMs);
  element.textContent = length(ms);
}
