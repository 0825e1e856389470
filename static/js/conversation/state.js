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
 *   warnings: readonly Warning[], recording: boolean, tools: readonly Tool[],
 *   ended: string | null}} Picture
 * @typedef {{call: string, name: string, state: string, ms: number,
 *   args: {[name: string]: any} | null, end_ms: number | null, by: string | null,
 *   took_ms: number | null, summary: string | null}} Tool
 * @typedef {{what: string, end_ms: number | null, percent: number | null}} Warning `end_ms`: when
 *   the conversation ends, since it began
 * @typedef {{epoch: number, seq: number}} Position (0, 0) when nothing is held
 * @typedef {Position & {picture: Picture}} Held
 */

const OPEN_CALLS = new Set(["requested", "running"]);
/** Of the calls that are over the last ones are held, and of the open ones all. */
const TOOLS_SHOWN = 32;

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
    tools: Object.freeze([]),
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
  const { warnings = [], recording = false, tools = [], ended = null } = state;
  const picture = { ...state, warnings, recording, tools, ended, turns };
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
    case "tool":
      return { ...picture, tools: called(picture.tools, event) };
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

/**
 * A call begins, or goes on where it stands. The oldest that are over are forgotten.
 * @param {readonly Tool[]} tools
 * @param {{[field: string]: any}} event
 * @returns {Tool[]}
 */
function called(tools, { call, name, state, ms, args = null, left_ms = null, by = null, summary = null }) {
  const isOver = !OPEN_CALLS.has(state);
  const before = tools.find((tool) => tool.call === call) ?? { call, name, ms, end_ms: null };
  const end_ms = left_ms === null ? before.end_ms : ms + left_ms;
  const took_ms = isOver ? ms - before.ms : null;
  const tool = { ...before, state, args, end_ms, by, took_ms, summary };
  const all = tools.some((each) => each.call === call)
    ? tools.map((each) => (each.call === call ? tool : each))
    : [...tools, tool];
  const over = all.filter((each) => !OPEN_CALLS.has(each.state));
  const forgotten = new Set(over.slice(0, Math.max(0, all.length - TOOLS_SHOWN)));
  return all.filter((each) => !forgotten.has(each));
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
