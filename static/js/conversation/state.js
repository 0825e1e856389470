// @ts-check
/**
 * The conversation as the server tells it: a snapshot, and events folded into it. Pure.
 *
 * Invariant: a snapshot with its later events is a fresh snapshot. Every fold returns a new
 * picture that shares what did not change, so an unchanged turn is the same object.
 */

/**
 * @typedef {{turn: string, speaker: string, state: string, text: string, saved: boolean,
 *   ms: number, ref: string | null}} Turn `ms` since the conversation began
 * @typedef {{state: string, agent: string, turns: readonly Turn[], earlier: boolean,
 *   warnings: readonly Warning[], recording: boolean, ended: string | null}} Picture
 * @typedef {{what: string, end_ms: number | null, percent: number | null}} Warning `end_ms`: when
 *   the conversation ends, since it began
 * @typedef {{epoch: number, seq: number}} Position (0, 0) when nothing is held
 * @typedef {Position & {picture: Picture}} Held
 */

/** @type {Held} */
export const NOTHING = Object.freeze({
  epoch: 0,
  seq: 0,
  picture: Object.freeze({
    state: "waiting",
    agent: "waiting",
    turns: Object.freeze([]),
    earlier: false,
    warnings: Object.freeze([]),
    recording: false,
    ended: null,
  }),
});

/**
 * @param {{epoch: number, seq: number, state: any}} snapshot
 * @param {Picture} before what the page showed: a snapshot leaves old turns out, and what the
 *   page has of them stays
 * @returns {Held}
 */
export function fromSnapshot({ epoch, seq, state }, before = NOTHING.picture) {
  const turns = state.turns.map((/** @type {any} */ turn) => ({ ...turn, ref: turn.ref ?? null }));
  const recording = state.recording ?? false;
  const picture = { ...state, warnings: state.warnings ?? [], recording, ended: state.ended ?? null, turns };
  const joint = before.turns.findIndex((turn) => turn.turn === turns[0]?.turn);
  if (!state.earlier || joint < 0) return { epoch, seq, picture };
  const all = [...before.turns.slice(0, joint), ...turns];
  return { epoch, seq, picture: { ...picture, turns: all, earlier: before.earlier } };
}

/**
 * Take the next numbered event. One that is held already changes nothing.
 * @param {Held} held
 * @param {{epoch: number, seq: number, kind: string, [field: string]: any}} event
 * @returns {Held | null} null when events are missing in between: the page has to resume
 */
export function take(held, event) {
  if (event.epoch === held.epoch && event.seq <= held.seq) return held;
  if (event.epoch !== held.epoch || event.seq !== held.seq + 1) return null;
  return { epoch: event.epoch, seq: event.seq, picture: fold(held.picture, event) };
}

/**
 * @param {Picture} picture
 * @param {{kind: string, [field: string]: any}} event
 * @returns {Picture}
 */
export function fold(picture, event) {
  switch (event.kind) {
    case "state":
      return { ...picture, state: event.state };
    case "agent":
      return { ...picture, agent: event.state };
    case "turn-started":
      return { ...picture, turns: [...picture.turns, startedTurn(event)] };
    case "turn-text":
      return changeTurn(picture, event.turn, (turn) => ({ ...turn, text: turn.text + event.text }));
    case "turn-ended":
      return changeTurn(picture, event.turn, (turn) => ({ ...turn, state: event.state }));
    case "turn-saved":
      return changeTurn(picture, event.turn, (turn) => ({ ...turn, saved: true }));
    case "warning":
      return { ...picture, warnings: warned(picture.warnings, event) };
    case "recording":
      return { ...picture, recording: event.on };
    case "ended":
      return { ...picture, state: "ended", warnings: [], ended: event.reason };
    default:
      return picture; // audio, interrupted, notice: they concern the moment, not the picture
  }
}

/**
 * @param {readonly Warning[]} warnings
 * @param {{[field: string]: any}} event
 * @returns {Warning[]}
 */
function warned(warnings, { what, ms, left_ms, percent }) {
  const others = warnings.filter((warning) => warning.what !== what);
  if (left_ms === null && percent === null) return others;
  return [...others, { what, end_ms: left_ms === null ? null : ms + left_ms, percent }];
}

/** @param {{[field: string]: any}} event @returns {Turn} */
function startedTurn(event) {
  return {
    turn: event.turn,
    speaker: event.speaker,
    state: "partial",
    text: "",
    saved: false,
    ms: event.ms,
    ref: event.ref ?? null,
  };
}

/**
 * @param {Picture} picture
 * @param {string} key
 * @param {(turn: Turn) => Turn} change
 * @returns {Picture}
 */
function changeTurn(picture, key, change) {
  const index = picture.turns.findLastIndex((turn) => turn.turn === key);
  if (index < 0) return picture; // an older turn that the snapshot left out
  return { ...picture, turns: picture.turns.with(index, change(picture.turns[index])) };
}
