// @ts-check
/** Puts the conversation page together: session, microphone, player, views and the browser's events. */

import { Camera } from "./camera.js";
import { CameraView } from "./camera-view.js";
import { CaptionsView } from "./captions-view.js";
import { Composer } from "./composer.js";
import { Memory } from "./memory.js";
import { Microphone } from "./microphone.js";
import { pageFunctions } from "./page-functions.js";
import { part } from "./parts.js";
import { Player } from "./player.js";
import { PageName, Presence } from "./presence.js";
import { PresenceView } from "./presence-view.js";
import { HEADER_BYTES } from "./protocol.js";
import { RecordingView } from "./recording-view.js";
import { Session } from "./session.js";
import { Sound } from "./sound.js";
import { TextOnlyView } from "./text-only-view.js";
import { TranscriptView } from "./transcript-view.js";
import { View } from "./view.js";
import { WakeLock } from "./wake-lock.js";
import * as words from "./words.js";

const TICK_MS = 250;
/** Hidden pages get no animation frames, and still have to keep up. */
const HIDDEN_RENDER_MS = 250;

const config = JSON.parse(/** @type {any} */ (document.getElementById("page-config")).textContent);
const memory = new Memory(config.conversation ?? `new ${config.agent.id}`);
const pageName = new PageName(tabStorage());
const wakeLock = new WakeLock();
const sound = new Sound();

const player = Sound.isSupported
  ? new Player(sound, {
      onReport: heard,
      onBlocked: (isBlocked) => {
        part("tap-to-hear").hidden = !isBlocked;
      },
      onFault: () => {
        session.problem ??= { code: "no-sound", isFatal: false, ...words.PROBLEMS["no-sound"] };
        changed();
      },
    })
  : null;

const session = new Session({
  agent: config.agent.id,
  draft: config.draft,
  conversation: config.conversation,
  url: socketUrl(config.socket_path),
  plain: { url: config.urls.api, csrf: csrfToken, key: null },
  presence: new Presence({ page: pageName.value, observes: config.observes }),
  kept: memory.read("outbox") ?? [],
  player,
  ageMs: config.age_ms ?? null,
  consent: () => recordingView.consent,
  functions: pageFunctions((card) => session.showCard(card)),
  onChange: changed,
  onHello: greeted,
});

const view = new View(session, config.urls);
const presenceView = new PresenceView(session);
const recordingView = new RecordingView(session, config.recording);
const transcript = new TranscriptView(session, { agent: config.agent.name, user: config.person });
const captions = new CaptionsView(session);
const composer = new Composer(memory, (text) => {
  if (!recordingView.mayBegin()) return false;
  sound.unlock();
  session.sendText(text);
  return true;
});
const microphone = new Microphone(sound, {
  onFrame: (pcm) => session.sendVoice(pcm),
  onLevel: (level) => view.ring.show(level),
  onState: () => {
    showMicrophone();
    wakeLock.want(microphone.isOpen && !session.hasEnded);
  },
});

const cameraView = new CameraView(Camera.canShareScreen);
const camera = new Camera(part("look-video"), {
  onPicture: (picture) => {
    session.showPicture(picture.jpeg);
    cameraView.sent(picture);
    changed();
  },
  onState: () => {
    cameraView.show(camera);
    if (!camera.isOn) session.endPictures();
    changed();
  },
});

const textOnlyView = new TextOnlyView(session, (isTextOnly) => {
  giveUpDevices();
  cameraView.bar(isTextOnly);
  showMicrophone();
});

// --- from the session to the page ----------------------------------------------------------

let isRenderDue = false;

function changed() {
  if (isRenderDue) return;
  isRenderDue = true;
  if (document.visibilityState === "visible") requestAnimationFrame(render);
  else setTimeout(render, HIDDEN_RENDER_MS);
}

function render() {
  isRenderDue = false;
  const letters = session.hasEnded ? [] : session.outbox.letters;
  memory.write("outbox", letters.map(({ id, text }) => ({ id, text })));
  if (session.hasEnded) end();
  if (isDisplaced() || session.isTextOnly) giveUpDevices();
  view.render();
  textOnlyView.render();
  presenceView.render();
  recordingView.render();
  cameraView.pause(session.isCameraPaused);
  transcript.render();
  captions.render();
}

function showMicrophone() {
  view.showMicrophone(session.isTextOnly ? "no-way" : microphone.state, microphone.wasHeard);
}

/** @param {import("./player.js").Report} report */
function heard({ played, isPlaying, level }) {
  if (played) session.voice.speech.played(played.stream, played.ms);
  part("stop-speaking").hidden = !isPlaying;
  view.voice.show(isPlaying ? level : 0);
  changed();
}

/** @param {{[field: string]: any}} hello */
function greeted(hello) {
  const path = config.urls.conversation.replace("__id__", hello.conversation);
  if (!config.observes && location.pathname !== path) history.replaceState(null, "", path);
  if (memory.place !== hello.conversation) memory.move(hello.conversation);
  composer.limit = hello.limits.text_chars;
  camera.maxBytes = hello.limits.picture_bytes - HEADER_BYTES;
  part("simulated").hidden = !hello.simulated;
}

/** Another page has the conversation now: nothing that is said here is heard. */
function isDisplaced() {
  return !session.presence.isOwner || session.problem?.code === "opened-elsewhere";
}

function giveUpDevices() {
  if (microphone.isOpen) microphone.turnOff();
  if (camera.isOn) camera.turnOff();
}

function end() {
  composer.isOff = true;
  if (microphone.state !== "off") microphone.turnOff();
  part("mic-toggle").disabled = true;
  if (camera.state !== "off") camera.turnOff();
  cameraView.off();
}

// --- from the person to the session -----------------------------------------------------------

async function toggleMicrophone() {
  if (!recordingView.mayBegin()) return;
  sound.unlock();
  if (microphone.isOpen) {
    microphone.mute();
    session.endVoice();
    return;
  }
  session.isAsking = true;
  changed();
  await microphone.turnOn();
  session.isAsking = false;
  session.start(); // without a microphone as well: typing is always there
  changed();
}

/** @param {import("./camera.js").Source} source */
async function toggleLook(source) {
  if (camera.isOn && camera.source === source) {
    camera.turnOff();
    return;
  }
  if (!recordingView.mayBegin()) return;
  if (await camera.turnOn(source)) session.start();
}

async function askToEnd() {
  /** @type {HTMLDialogElement} */
  const dialog = part("end-dialog");
  if (!microphone.isOpen) session.end();
  else dialog.showModal();
}

part("mic-toggle").onclick = toggleMicrophone;
part("start-talking").onclick = async () => {
  await toggleMicrophone();
  if (session.isStarted) part("mic-toggle").focus(); // the pressed button is gone
};
part("start-typing").onclick = () => {
  if (!recordingView.mayBegin()) return;
  sound.unlock();
  session.start();
  composer.focus();
};
part("camera-toggle").onclick = () => toggleLook("camera");
part("screen-toggle").onclick = () => toggleLook("screen");
part("look-off").onclick = () => {
  camera.turnOff();
  part(`${camera.source}-toggle`).focus(); // the pressed button is gone
};
part("camera-problem-dismiss").onclick = () => {
  part("camera-problem").hidden = true;
};
part("end").onclick = askToEnd;
part("end-dialog").onclose = (/** @type {Event} */ { target }) => {
  if (/** @type {HTMLDialogElement} */ (target).returnValue === "end") session.end();
};
part("stop-speaking").onclick = () => session.stopSpeaking();
part("hear").onclick = () => sound.unlock();
part("stay").onclick = () => session.stay();
part("continue-here").onclick = () => {
  sound.unlock();
  session.takeOver();
};
part("leave-line").onclick = () => session.end();
part("try-now").onclick = () => session.tryNow();
part("problem-dismiss").onclick = () => {
  session.dismissProblem();
  changed();
};
part("problem-action").onclick = (/** @type {Event} */ event) => {
  if (part("problem-action").dataset.action !== "here") return;
  event.preventDefault();
  if (session.problem?.code === "opened-elsewhere") session.takeOver();
  else session.tryNow();
};
part("mic-problem-dismiss").onclick = () => {
  part("mic-problem").hidden = true;
};

addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || part("end-dialog").open || !player?.isPlaying) return;
  event.preventDefault();
  session.stopSpeaking();
});

// --- the browser's own events ------------------------------------------------------------------

// A socket or a live microphone would keep the page out of the browser's page cache.
addEventListener("pagehide", () => {
  microphone.turnOff();
  camera.turnOff();
  session.suspend();
  pageName.leave();
});
addEventListener("pageshow", (event) => {
  if (event.persisted) pageName.take();
  if (event.persisted && session.conversation !== null && !session.hasEnded) session.tryNow();
});
addEventListener("online", () => session.probe());
addEventListener("offline", () => session.probe());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") session.probe();
});

setInterval(() => {
  if (session.age()) changed();
  view.tick();
  textOnlyView.tick();
}, TICK_MS);

/** A browser may forbid even to look. */
function tabStorage() {
  try {
    return sessionStorage;
  } catch {
    return null;
  }
}

/** As it stands in the page, for what is posted. */
function csrfToken() {
  const field = document.querySelector("input[name=csrfmiddlewaretoken]");
  return /** @type {HTMLInputElement | null} */ (field)?.value ?? "";
}

/** @param {string} path */
function socketUrl(path) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

/** Read-only, for tests and support: what the page holds, and how much voice was heard. */
Object.defineProperty(window, "parley", {
  value: Object.freeze({
    get playedMs() {
      return player?.playedMs ?? 0;
    },
    get receivedAudioMs() {
      return player?.receivedMs ?? 0;
    },
    get state() {
      return structuredClone({
        ...session.picture,
        conversation: session.conversation,
        connection: session.connection,
        microphone: microphone.state,
        camera: camera.state,
        isPlaying: player?.isPlaying ?? false,
        epoch: session.held.epoch,
        seq: session.held.seq,
        unsent: session.outbox.waiting.length,
        problem: session.problem,
        role: session.presence.role,
        place: session.presence.place,
      });
    },
  }),
});

if (config.conversation !== null) session.start();
render();
