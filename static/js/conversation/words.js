// @ts-check
/** Every word the conversation page says by itself. Short, plain, with the next step. */

/** @type {{[state: string]: string}} */
export const CONNECTION = {
  idle: "Not started",
  checking: "One moment",
  "requesting-permission": "Asking for the microphone",
  connecting: "Connecting",
  ready: "On air",
  reconnecting: "Reconnecting",
  resuming: "Catching up",
  "degraded-http": "Text only",
  "upstream-handoff": "One moment",
  ended: "Ended",
  failed: "Not connected",
};

/** Where no socket comes through: why there is no voice. */
export const TEXT_ONLY = "Text only: your network blocks the connection that voice needs.";
export const VOICE_BACK = "Voice is possible again";
export const LOOKING = "Trying";
export const LOOK_AGAIN = "Try again";

/** @type {{[state: string]: string}} */
export const RECORDING = {
  on: "This conversation is recorded",
  off: "The recording has stopped",
};

/** The same for those who only look on. @type {{[state: string]: string}} */
export const WATCHED = { ...CONNECTION, idle: "Paused", ready: "Live" };

/** @type {{[state: string]: string}} */
export const AGENT = {
  waiting: "Waiting",
  listening: "Listening",
  "hearing-user": "Hearing you",
  thinking: "Thinking",
  "using-tool": "Looking something up",
  speaking: "Speaking",
  interrupted: "Interrupted",
  "staff-joining": "A person is joining",
  "staff-speaking": "A person is speaking",
  paused: "Paused",
};

/** The same where nobody hears anybody. @type {{[state: string]: string}} */
export const AGENT_IN_TEXT = { ...AGENT, listening: "Ready", speaking: "Answering" };

/** @type {{[state: string]: string}} */
export const MICROPHONE = {
  off: "Mic off",
  requesting: "Asking",
  on: "Mic on",
  muted: "Muted",
  blocked: "Blocked",
  "not-found": "No mic",
  "in-use": "In use",
  silent: "Silent",
  lost: "Lost",
  "no-way": "No voice",
};

/** @type {{[state: string]: {message: string, fix: string}}} */
export const MICROPHONE_PROBLEMS = {
  blocked: {
    message: "The microphone is blocked.",
    fix: "Allow it for this site in the address bar, then press the microphone again. You can go on typing.",
  },
  "not-found": {
    message: "No microphone was found.",
    fix: "Plug one in, then press the microphone again. You can go on typing.",
  },
  "in-use": {
    message: "Another program is using the microphone.",
    fix: "Close it there, then press the microphone again. You can go on typing.",
  },
  silent: {
    message: "The microphone gives no sound at all.",
    fix: "Look for a mute switch on it, or choose another one in the browser's settings.",
  },
  lost: {
    message: "The microphone was unplugged.",
    fix: "Plug it in, or press the microphone to use another one. You can go on typing.",
  },
};

/** A page that is not served over HTTPS gets no microphone from any browser. */
export const INSECURE = {
  message: "Browsers give the microphone only to pages with https.",
  fix: "Open this page by its https address. You can go on typing.",
};

/** @type {{[state: string]: {message: string, fix: string}}} */
export const CAMERA_PROBLEMS = {
  blocked: {
    message: "The camera is blocked.",
    fix: "Allow it for this site in the address bar, then press the camera again.",
  },
  "not-found": { message: "No camera was found.", fix: "Plug one in, then press the camera again." },
  "in-use": {
    message: "Another program is using the camera.",
    fix: "Close it there, then press the camera again.",
  },
  "ended-by-browser": {
    message: "The camera was unplugged, or the browser stopped it.",
    fix: "Press the camera to turn it on again.",
  },
};

export const INSECURE_CAMERA = {
  message: "Browsers give camera and screen only to pages with https.",
  fix: "Open this page by its https address.",
};

/** What is shown. @type {{[look: string]: string}} */
export const LOOKS = {
  camera: "Your camera",
  screen: "Your screen",
  "whole-screen": "Your whole screen, with whatever appears on it",
};

/** What its button says. @type {{[source: string]: string}} */
export const LOOK_BUTTONS = { camera: "Camera", screen: "Share your screen" };
export const NOT_IN_TEXT = "not while it is text only";

export const LOOK_BEGINS = "Starting";
export const CAMERA_PAUSED = "Your connection is slow: camera paused";
export const CAMERA_BACK = "Your connection is better: the camera goes on";

/** @param {number} width @param {number} height in pixels @param {number} bytes */
export const pictureSent = (width, height, bytes) =>
  `${width} × ${height}, 1 picture a second, ${Math.ceil(bytes / 1024)} KB each`;

/** @type {{[speaker: string]: string}} */
export const SPEAKERS = { user: "You", agent: "Agent", staff: "Support", system: "System" };

/** @type {{[state: string]: string}} */
export const TURN_NOTES = {
  interrupted: "cut off here",
  failed: "not finished",
  redacted: "removed",
};

/** @type {{[state: string]: string}} */
export const TOOL_STATES = {
  requested: "Asking this page",
  running: "Working",
  succeeded: "Done",
  failed: "Failed",
  "timed-out": "No answer in time",
  cancelled: "Stopped",
};

/** How far a tool call is, and how long it took. @param {string} state @param {number | null} tookMs */
export function toolState(state, tookMs) {
  const word = TOOL_STATES[state] ?? state;
  if (tookMs === null) return word;
  return `${word} · ${(tookMs / 1000).toFixed(tookMs < 10000 ? 1 : 0)} s`;
}

/** A function's name as people read it: `look_up_order` is "Look up order". @param {string} name */
export function functionName(name) {
  const plain = name.replace(/[_.]/g, " ").trim().toLowerCase();
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** @param {string} host */
export function opens(host) {
  return `Open ${host}`;
}

// What the model is told of a call that this page does not answer.
export const NO_SUCH_FUNCTION = "The user's page does not know this function.";
export const FUNCTION_FAILED = "The user's page could not do it.";
export const RESULT_TOO_LONG = "The result was too long to be sent.";

/** @type {{[delivery: string]: string}} */
export const DELIVERY = { sending: "Sending", saved: "Saved", "not-saved": "Not saved" };

export const SEND_AGAIN = "Send again";

/** @type {{[code: string]: {message: string, fix: string, action?: string, label?: string}}} */
export const PROBLEMS = {
  "out-of-date": {
    message: "This page and the server do not understand each other.",
    fix: "The server was probably updated. Load the page again.",
    action: "reload",
    label: "Load again",
  },
  "not-signed-in": {
    message: "You are not signed in any more.",
    fix: "Sign in again; the conversation is still there.",
    action: "login",
    label: "Sign in",
  },
  "not-allowed": {
    message: "You may not talk to agents here.",
    fix: "Ask an admin of your organisation for the right to.",
    action: "lobby",
    label: "Go to the lobby",
  },
  "limit-reached": {
    message: "No conversation can begin now.",
    fix: "A limit of your organisation is reached. Try again later.",
    action: "here",
    label: "Try again",
  },
  "not-found": {
    message: "There is no such conversation.",
    fix: "It may belong to another organisation of yours. Choose an agent in the lobby.",
    action: "lobby",
    label: "Go to the lobby",
  },
  "opened-elsewhere": {
    message: "This conversation was opened in another tab or on another device.",
    fix: "",
    action: "here",
    label: "Continue here",
  },
  "no-sound": {
    message: "This browser cannot play the agent's voice.",
    fix: "The words appear as text. A current browser plays them too.",
  },
};

/** @type {{[reason: string]: {title: string, next: string}}} */
export const ENDS = {
  "user-left": { title: "You ended the conversation", next: "It is in your history." },
  "idle-limit": {
    title: "Ended after a long silence",
    next: "What was said is kept. Start again whenever you like.",
  },
  "max-duration": {
    title: "The longest time was reached",
    next: "What was said is kept. Start again to go on talking.",
  },
  "budget-exhausted": {
    title: "The minutes or the budget are used up",
    next: "What was said is kept. Start again when the new day or month begins (UTC), or ask an admin of your organisation for more.",
  },
  "tenant-suspended": {
    title: "Your organisation is suspended",
    next: "Ask the operator of this service.",
  },
  "tenant-leaving": {
    title: "Your organisation is leaving",
    next: "Ask one of its owners: until it is deleted they can take that back.",
  },
  "credential-problem": {
    title: "The agent could not be reached",
    next: "Its access to Gemini was refused. An admin of your organisation has to check the credential.",
  },
  "upstream-unavailable": {
    title: "Gemini could not be reached",
    next: "Start again in a minute. What was said is kept.",
  },
  "capacity-full": {
    title: "All lines are busy",
    next: "What was said is kept. Start again in a few minutes.",
  },
  "token-expired": { title: "Your access has expired", next: "Sign in again and start anew." },
  "staff-ended": { title: "Support ended the conversation", next: "It is in your history." },
  "server-draining": {
    title: "The server was restarted",
    next: "Start again; what was said is kept.",
  },
  "policy-blocked": {
    title: "Ended because of a rule of use",
    next: "Start again with something else.",
  },
  "opened-elsewhere": { title: "Opened elsewhere", next: "It goes on in the other window." },
  "network-lost": {
    title: "The connection was gone for too long",
    next: "Start again; what was said is kept.",
  },
};

export const ENDED = { title: "The conversation has ended", next: "It is in your history." };

/** @param {number} seconds */
export const lost = (seconds) =>
  seconds > 0
    ? `We lost the connection. Trying again in ${seconds} s.`
    : "We lost the connection. Trying again.";

export const WAITING_WORKER = "We are looking for a free line.";

/** What each limit is about. @type {{[what: string]: string}} */
const LIMITS = {
  sessions: "fewer conversations are allowed at once now",
  "day-minutes": "the minutes of today are used up",
  "month-minutes": "the minutes of this month are used up",
  "day-spend": "the budget of today is used up",
  "month-spend": "the budget of this month is used up",
  "total-spend": "the budget of this visit is used up",
  length: "the longest time is reached",
  idle: "nobody is talking",
};

/** @type {{[what: string]: string}} */
const BUDGETS = {
  "day-minutes": "your minutes of today",
  "month-minutes": "your minutes of this month",
  "day-spend": "your budget of today",
  "month-spend": "your budget of this month",
  "total-spend": "your budget of this visit",
};

/** A round time, as a person says it. @param {number} ms */
const inWords = (ms) => {
  const seconds = Math.round(ms / 1000);
  if (seconds < 91) return `${seconds} s`;
  return `${Math.round(seconds / 60)} min`;
};

/** @param {string} what @param {number | null} leftMs @param {number | null} percent */
export const limitNear = (what, leftMs, percent) =>
  leftMs === null
    ? `${percent} % of ${BUDGETS[what] ?? "a limit"} are used`
    : `This conversation ends in ${inWords(leftMs)}: ${LIMITS[what] ?? "a limit is reached"}`;

/** The line that counts down. @param {string} what @param {string} left as a clock */
export const endsIn = (what, left) => `Ends in ${left}: ${LIMITS[what] ?? "a limit is reached"}`;

/** The time is over, and the end waits for a pause. @param {string} what */
export const endsNow = (what) => `Ends at the next pause: ${LIMITS[what] ?? "a limit is reached"}`;

/** @param {boolean} isOwned */
export const elsewhere = (isOwned) =>
  isOwned
    ? "This conversation is open in another tab or on another device. Here you can read along."
    : "This conversation was open in another tab, which is gone now.";

/** @param {boolean} isOwned */
export const watching = (isOwned) =>
  isOwned
    ? "You are watching live. Nobody sees or hears you; that you watch is noted in the audit."
    : "The person is away. You see what was said; it goes on here when they are back.";

/** @param {number} place */
export const inLine = (place) =>
  place === 1 ? "You are next in line." : `You are number ${place} in line.`;

/** @param {number} seconds */
export const reloaded = (seconds) =>
  `Back after ${inWords(seconds * 1000)}: what was said meanwhile stands here, its sound is not played`;

/** @param {number} seconds */
export const reconnected = (seconds) => `Reconnected after ${seconds} s`;

/** @param {number} ms */
export const leftOut = (ms) =>
  `${(ms / 1000).toFixed(1)} s of the voice were left out: the connection is slow`;

/** @param {number} ms */
export const voiceLost = (ms) =>
  `${(ms / 1000).toFixed(1)} s of your voice did not get through: the connection is slow`;

/** @param {number} count */
export const latest = (count) => (count ? `${count} new` : "Latest");
