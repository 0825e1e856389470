// @ts-check
/**
 * What an answer of the API that is not a yes means for a conversation: an `error` message and a
 * close code, as a socket would give. Pure.
 */

export const OVER = 1000;
/** A close without a reason: try again. */
export const LOST = 1006;

/** What ends a connection, by the answer's status; any other one is worth another try. */
const CLOSES = new Map([
  [400, 4400],
  [401, 4401],
  [403, 4403],
  [404, 4404],
  [422, 4400],
  [429, 4402],
]);

/** What ends it, by the problem's code. */
const CODES = new Map([
  ["capacity-full", 4402],
  ["not-allowed", 4403],
  ["not-signed-in", 4401],
  ["opened-elsewhere", 4409],
  ["permission-denied", 4400], // the page's CSRF token is an old one: its person signed in anew
  ["server-draining", LOST],
  ["throttled", LOST],
]);

/** Refusals of one message: the conversation goes on. */
const PASSING = new Set([
  "bad-message",
  "call-not-taken",
  "call-taken",
  "model-behind",
  "read-only",
  "result-too-long",
  "store-behind",
  "text-too-long",
  "too-many-texts",
  "unknown-call",
]);

/** Problems whose words are for programs: the page has its own for the close that follows. */
const FOR_PROGRAMS = new Set([
  "invalid-request",
  "not-authenticated",
  "not-found",
  "permission-denied",
]);

/**
 * @typedef {{type: "error", code: string, message: string, fix: string, fatal: boolean}} Told
 * @typedef {{told: Told | null, close: number | null}} Refusal `told`: what the page hears;
 *   `close`: the code of the close that follows, or null when the conversation goes on
 */

/**
 * @param {number} status of the answer
 * @param {{code?: any, detail?: any} | null} problem its problem details; null if it has none
 * @returns {Refusal}
 */
export function refusalOf(status, problem) {
  if (typeof problem?.code !== "string") return { told: null, close: LOST };
  const { code, detail } = problem;
  if (code === "conversation-ended") return { told: null, close: null }; // the stream tells it
  if (PASSING.has(code)) return { told: told(code, detail, false), close: null };
  const close = closeOf(code, CLOSES.get(status) ?? LOST);
  const isTold = close !== LOST && !FOR_PROGRAMS.has(code);
  return { told: isTold ? told(code, detail, true) : null, close };
}

/**
 * The close that follows an error that ends the connection.
 * @param {string} code of the error
 * @param {number} otherwise for one that is not known
 */
export function closeOf(code, otherwise) {
  return CODES.get(code) ?? otherwise;
}

/**
 * The first sentence says what is wrong, the others what to do.
 * @param {string} code
 * @param {any} detail
 * @param {boolean} fatal
 * @returns {Told}
 */
function told(code, detail, fatal) {
  const [, message, fix] = /^(.*?[.!?])\s+(.*)$/s.exec(String(detail)) ?? ["", String(detail), ""];
  return { type: "error", code, message, fix, fatal };
}
