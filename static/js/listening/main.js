// @ts-check
/** Plays a recording beside its transcript: a turn plays from its beginning, and shows that it plays. */

import { clock, part, setText } from "../conversation/parts.js";

const STEP_S = 5;

/** @type {HTMLAudioElement} */
const audio = part("audio");
/** @type {HTMLElement} */
const player = part("player");
/** @type {HTMLInputElement} */
const place = part("player-place");
const lengthMs = Number(player.dataset.lengthMs);
/** @type {HTMLElement[]} */
const turns = [...document.querySelectorAll("[data-start-ms]")];
/** @type {HTMLButtonElement[]} */
const rates = [...document.querySelectorAll("[data-rate]")];
/** @type {HTMLButtonElement[]} */
const sides = [...document.querySelectorAll("[data-side]")];
/** Whose channel is heard how loud, once the browser lets us mix. @type {GainNode[] | null} */
let gains = null;

function toggle() {
  if (audio.paused) play();
  else audio.pause();
}

async function play() {
  mix();
  try {
    await audio.play();
  } catch (fault) {
    if (!(fault instanceof DOMException && fault.name === "AbortError")) failed();
  }
}

/** Both voices in the middle; the recording has the person on the left and the agent on the right. */
function mix() {
  if (gains || !window.AudioContext) return;
  const context = new AudioContext();
  const split = context.createChannelSplitter(2);
  context.createMediaElementSource(audio).connect(split);
  gains = [0, 1].map((channel) => {
    const gain = context.createGain();
    split.connect(gain, channel);
    gain.connect(context.destination);
    return gain;
  });
  context.resume();
}

/** @param {number} ms */
function seek(ms) {
  audio.currentTime = Math.min(Math.max(0, ms), lengthMs) / 1000;
  show();
}

function show() {
  const ms = Math.round(audio.currentTime * 1000);
  place.value = String(ms);
  place.setAttribute("aria-valuetext", `${spoken(ms)} of ${spoken(lengthMs)}`);
  setText(part("player-time"), `${clock(ms)} / ${clock(lengthMs)}`);
  for (const turn of turns) mark(turn, ms);
}

/** @param {HTMLElement} turn @param {number} ms */
function mark(turn, ms) {
  const isNow = ms > 0 && ms >= Number(turn.dataset.startMs) && ms < Number(turn.dataset.endMs);
  if (isNow === turn.hasAttribute("aria-current")) return;
  if (isNow) turn.setAttribute("aria-current", "true");
  else turn.removeAttribute("aria-current");
}

/** @param {number} ms @returns {string} such as 2 min 14 s */
function spoken(ms) {
  const seconds = Math.floor(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function showState() {
  const isPlaying = !audio.paused && !audio.ended;
  player.dataset.state = isPlaying ? "playing" : "paused";
  part("player-play").setAttribute("aria-label", isPlaying ? "Pause" : "Play");
  part("play").hidden = isPlaying;
  part("pause").hidden = !isPlaying;
}

function failed() {
  player.dataset.state = "failed";
  part("player-fault").hidden = false;
}

/** @param {HTMLButtonElement[]} buttons @param {HTMLButtonElement} pressed */
function press(buttons, pressed) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button === pressed));
}

/** @param {number} by 1 or -1: to the next speed */
function changeRate(by) {
  const now = rates.findIndex((button) => button.getAttribute("aria-pressed") === "true");
  rates[Math.min(Math.max(0, now + by), rates.length - 1)].click();
}

part("player-play").onclick = toggle;
part("player-back").onclick = () => seek((audio.currentTime - STEP_S) * 1000);
part("player-forward").onclick = () => seek((audio.currentTime + STEP_S) * 1000);
place.oninput = () => seek(Number(place.value));
for (const rate of rates) {
  rate.onclick = () => {
    audio.playbackRate = Number(rate.dataset.rate);
    press(rates, rate);
  };
}
for (const side of sides) {
  side.onclick = () => {
    mix();
    const wanted = side.dataset.side;
    if (gains) {
      gains[0].gain.value = wanted === "agent" ? 0 : 1;
      gains[1].gain.value = wanted === "user" ? 0 : 1;
    }
    press(sides, side);
  };
}
for (const turn of turns) {
  part("turn-play", turn).onclick = () => {
    seek(Number(turn.dataset.startMs));
    play();
  };
}

audio.ontimeupdate = show;
audio.onplay = audio.onpause = audio.onended = showState;
audio.onerror = failed;

/** @type {{[key: string]: () => void}} */
const KEYS = {
  " ": toggle,
  ArrowLeft: () => part("player-back").click(),
  ArrowRight: () => part("player-forward").click(),
  "[": () => changeRate(-1),
  "]": () => changeRate(1),
};

addEventListener("keydown", (event) => {
  const act = KEYS[event.key];
  const isTaken = /** @type {Element} */ (event.target).closest("a, button, input, textarea, select, summary");
  if (!act || isTaken || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  act();
});

show();
