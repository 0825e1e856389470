// @ts-check
/**
 * `parley.v1` as the page speaks it: frames, credit, close codes. Pure: no socket, no clock.
 * The truth is the server's schema; see docs/reference/socket-protocol.md.
 */

export const SUBPROTOCOL = "parley.v1";
export const HEADER_BYTES = 8;
export const AUDIO = 1;
export const PICTURE = 2;
export const INPUT_RATE_HZ = 16000;
export const OUTPUT_RATE_HZ = 24000;
/** What a tool call may be answered with, as JSON. */
export const RESULT_BYTES = 32 * 1024;
export const ACK_EVERY = 16;
export const ACK_AFTER_MS = 1000;

/** What the server sent is not parley.v1. */
export class ProtocolFault extends Error {}

/**
 * @typedef {{stream: number, rate: number, seq: number, pcm: Int16Array}} AudioFrame
 *   `rate` in Hz; `pcm` is mono and shares the frame's memory.
 */

/**
 * One binary frame of microphone audio.
 * @param {number} seq counts the frames of this socket
 * @param {Int16Array} pcm mono, 16 kHz
 * @returns {ArrayBuffer}
 */
export function encodeAudio(seq, pcm) {
  const frame = new ArrayBuffer(HEADER_BYTES + pcm.byteLength);
  const header = new DataView(frame, 0, HEADER_BYTES);
  header.setUint8(0, AUDIO);
  header.setUint16(2, INPUT_RATE_HZ / 100, true);
  header.setUint32(4, seq >>> 0, true);
  new Int16Array(frame, HEADER_BYTES).set(pcm);
  return frame;
}

/**
 * One binary frame of what the person shows.
 * @param {number} seq counts the pictures of this socket
 * @param {ArrayBuffer} jpeg
 * @returns {ArrayBuffer}
 */
export function encodePicture(seq, jpeg) {
  const frame = new ArrayBuffer(HEADER_BYTES + jpeg.byteLength);
  const header = new DataView(frame, 0, HEADER_BYTES);
  header.setUint8(0, PICTURE);
  header.setUint32(4, seq >>> 0, true);
  new Uint8Array(frame, HEADER_BYTES).set(new Uint8Array(jpeg));
  return frame;
}

/**
 * @param {ArrayBuffer} frame
 * @returns {AudioFrame}
 * @throws {ProtocolFault} for a frame that is cut, of another kind, or of half a sample
 */
export function decodeAudio(frame) {
  if (frame.byteLength < HEADER_BYTES) throw new ProtocolFault("binary frame without header");
  const header = new DataView(frame, 0, HEADER_BYTES);
  if (header.getUint8(0) !== AUDIO) throw new ProtocolFault("binary frame of unknown kind");
  if ((frame.byteLength - HEADER_BYTES) % 2) throw new ProtocolFault("half a sample");
  return {
    stream: header.getUint8(1),
    rate: header.getUint16(2, true) * 100,
    seq: header.getUint32(4, true),
    pcm: new Int16Array(frame, HEADER_BYTES),
  };
}

/**
 * @param {string} text
 * @returns {{type: string, [field: string]: any}}
 * @throws {ProtocolFault}
 */
export function parseMessage(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    throw new ProtocolFault("text frame that is not JSON");
  }
  if (typeof message?.type !== "string") throw new ProtocolFault("message without a type");
  return message;
}

/** Counts the frames received on one socket and says when to acknowledge them. */
export class AckLedger {
  received = 0;
  acknowledged = 0;

  /** Count one frame. @returns {boolean} whether an `ack` is due at once */
  count() {
    this.received += 1;
    return this.received - this.acknowledged >= ACK_EVERY;
  }

  get isOwing() {
    return this.received > this.acknowledged;
  }

  /** The `ack` to send now. */
  take() {
    this.acknowledged = this.received;
    return { type: "ack", frames: this.acknowledged };
  }
}

/** Close codes after which trying again changes nothing, and the problem each one is. */
const FINAL_CLOSES = new Map([
  [4400, "out-of-date"],
  [4401, "not-signed-in"],
  [4402, "limit-reached"],
  [4403, "not-allowed"],
  [4404, "not-found"],
  [4409, "opened-elsewhere"],
]);

/**
 * What a close means for the page: the code of a problem (a key of `words.PROBLEMS`),
 * or null when the page should connect again.
 * @param {number} code
 * @returns {string | null}
 */
export function finalProblem(code) {
  return FINAL_CLOSES.get(code) ?? null;
}

const SHORTEST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;

/**
 * How long to wait before connecting again: doubling from 0.5 s to 15 s, with jitter.
 * @param {number} attempt 0 for the first try after a drop
 * @param {number} random between 0 and 1
 * @returns {number} milliseconds
 */
export function retryDelay(attempt, random) {
  const ceiling = Math.min(LONGEST_WAIT_MS, SHORTEST_WAIT_MS * 2 ** attempt);
  return Math.round(SHORTEST_WAIT_MS + (ceiling - SHORTEST_WAIT_MS) * (0.5 + random / 2));
}
