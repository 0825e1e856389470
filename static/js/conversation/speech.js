// @ts-check
/**
 * How far the words of the agent have been heard: which audio belongs to which turn, and up
 * to which letter of it playback has come. Pure.
 *
 * Words come beside the sound, a little ahead of it or behind. Each time words arrive, the
 * amount of sound received until then is noted: between two such marks, letters and sound
 * run evenly. When the words came far ahead of the sound, the marks are stretched over it.
 */

/**
 * @typedef {{ms: number, length: number}} Mark the text had `length` letters at `ms` of sound
 * @typedef {{turn: string, receivedMs: number, playedMs: number, over: boolean,
 *   heard: number, marks: Mark[]}} Voice `heard`: letters, never fewer than before
 */

/** Words this much ahead of all sound are stretched over the sound. */
const AHEAD_MS = 1500;
const LONGEST_WORD = 40;
/** Pieces of sound add up to the whole only nearly. */
const SLACK_MS = 1;

export class Speech {
  /** @type {Map<number, Voice>} the latest answer of each stream number */
  #voices = new Map();
  /** @type {Map<string, Voice>} */
  #byTurn = new Map();
  /** @type {Map<string, number>} turns that were cut, and after how many letters */
  #cuts = new Map();

  /**
   * A new answer's sound begins.
   * @param {number} stream
   * @param {string} turn
   * @param {number} length letters that are shown already and count as heard
   */
  begin(stream, turn, length = 0) {
    const voice = { turn, receivedMs: 0, playedMs: 0, over: false, heard: 0, marks: [{ ms: 0, length }] };
    this.#voices.set(stream, voice);
    this.#byTurn.set(turn, voice);
  }

  /** @param {number} stream */
  knows(stream) {
    return this.#voices.has(stream);
  }

  /** @param {number} stream @param {number} ms */
  received(stream, ms) {
    const voice = this.#voices.get(stream);
    if (voice) voice.receivedMs += ms;
  }

  /** @param {number} stream @param {number} ms in all */
  played(stream, ms) {
    const voice = this.#voices.get(stream);
    if (voice) voice.playedMs = ms;
  }

  /** @param {string} turn @param {number} length letters the turn has now */
  words(turn, length) {
    const voice = this.#byTurn.get(turn);
    if (voice) voice.marks.push({ ms: voice.receivedMs, length });
  }

  /** The turn is complete: no more words or sound will come. @param {string} turn */
  end(turn) {
    const voice = this.#byTurn.get(turn);
    if (voice) voice.over = true;
  }

  /**
   * Playback of the stream was cut: what was not heard will not be.
   * @param {number} stream
   * @param {(turn: string) => string} textOf
   * @returns {string | null} the turn
   */
  cut(stream, textOf) {
    const voice = this.#voices.get(stream);
    if (!voice) return null;
    const text = textOf(voice.turn);
    const heard = this.heard(voice.turn, text);
    if (heard < text.length) this.#cuts.set(voice.turn, heard);
    return voice.turn;
  }

  /** No sound comes any more: all that stands there counts as heard, but for what was cut. */
  forget() {
    this.#voices.clear();
    this.#byTurn.clear();
  }

  /** @param {string} turn whether its rest will never be heard */
  isCut(turn) {
    return this.#cuts.has(turn);
  }

  /**
   * How many letters of the turn have been heard; all of them for a turn without sound.
   * @param {string} turn
   * @param {string} text
   */
  heard(turn, text) {
    const cut = this.#cuts.get(turn);
    if (cut !== undefined) return cut;
    const voice = this.#byTurn.get(turn);
    if (!voice) return text.length;
    voice.heard = Math.max(voice.heard, wordEnd(text, spokenLength(voice, text.length)));
    return voice.heard;
  }
}

/**
 * @param {Voice} voice
 * @param {number} total letters of the text
 * @returns {number} letters, a fraction perhaps
 */
export function spokenLength(voice, total) {
  if (voice.over && voice.playedMs >= voice.receivedMs - SLACK_MS) return total;
  const last = voice.marks[voice.marks.length - 1];
  const stretch = last.ms > 0 && voice.receivedMs - last.ms > AHEAD_MS ? last.ms / voice.receivedMs : 1;
  const at = voice.playedMs > 0 ? voice.playedMs * stretch + SLACK_MS : 0;
  const next = voice.marks.findIndex((mark) => mark.ms > at);
  if (next > 0) return between(voice.marks[next - 1], voice.marks[next], at);
  // Past the last mark: the words since then, over the sound since then.
  const base = last.ms === 0 ? voice.marks[0] : last;
  return between(base, { ms: Math.max(voice.receivedMs, base.ms + 1), length: total }, at);
}

/** @param {Mark} from @param {Mark} to @param {number} at */
function between(from, to, at) {
  const share = Math.min(1, Math.max(0, (at - from.ms) / (to.ms - from.ms)));
  return from.length + (to.length - from.length) * share;
}

/**
 * The end of the last whole word within `length` letters.
 * @param {string} text
 * @param {number} length
 */
export function wordEnd(text, length) {
  if (length >= text.length) return text.length;
  const at = Math.floor(length);
  if (/\s/.test(text[at])) return at;
  const start = text.slice(0, at).search(/\s\S*$/) + 1;
  return at - start > LONGEST_WORD ? at : start; // some scripts have no spaces
}
