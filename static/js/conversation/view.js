// @ts-check
/** Everything of the page but transcript, captions and composer: states, messages, controls. */

import { Announcer } from "./announcer.js";
import { Ring, VoiceMeter } from "./meters.js";
import { clock, part, setText } from "./parts.js";
import * as words from "./words.js";

/** @typedef {import("./session.js").Session} Session */

export class View {
  /** @param {Session} session @param {{[name: string]: string}} urls */
  constructor(session, urls) {
    this.#session = session;
    this.#urls = urls;
  }

  #session;
  #urls;
  /** @type {import("./state.js").Warning | null} the warning that was announced last */
  #said = null;
  #announcer = new Announcer(part("status"));
  ring = new Ring(part("ring"));
  voice = new VoiceMeter(part("voice-level"));
  #mic = { button: part("mic-toggle"), word: part("mic"), use: document.querySelector(".mic use") };

  render() {
    const { connection, picture, hasEnded, isStarted } = this.#session;
    // Without a connection nobody knows what the agent does.
    const isTold = ["ready", "degraded-http", "upstream-handoff"].includes(connection);
    const agent = isTold ? picture.agent : "waiting";
    show(part("connection"), connection, this.#session.presence.observes ? words.WATCHED : words.CONNECTION);
    show(part("agent-state"), agent, this.#session.isTextOnly ? words.AGENT_IN_TEXT : words.AGENT);
    part("welcome").hidden = isStarted || this.#session.isAsking;
    part("earlier").hidden = !picture.earlier;
    part("end").hidden = !isStarted || hasEnded;
    this.#announcer.say(connection === "ready" ? words.AGENT[agent] : words.CONNECTION[connection]);
    this.#sayWarning();
    this.#renderProblem();
    this.#renderEnd();
    this.tick();
  }

  /** Each warning is said once to screen readers; the countdown is for the eyes. */
  #sayWarning() {
    const newest = this.#session.picture.warnings.at(-1) ?? null;
    if (newest === this.#said) return;
    this.#said = newest;
    if (newest === null) return;
    const left = newest.end_ms === null ? null : newest.end_ms - this.#session.clockMs;
    setText(part("limit-status"), words.limitNear(newest.what, left, newest.percent));
  }

  /** What changes with time alone. */
  tick() {
    const { connection, retryAt, clockMs, startedAt, hasEnded } = this.#session;
    if (startedAt !== null && !hasEnded) setText(part("clock"), clock(clockMs));
    this.#tickWarning();
    const bar = part("reconnect");
    bar.hidden = connection !== "reconnecting";
    if (bar.hidden) return;
    const left = retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
    setText(part("text", bar), words.lost(left));
    part("try-now").disabled = retryAt === null;
  }

  /** The quiet line that tells of a limit, and counts down. */
  #tickWarning() {
    const line = part("limit");
    const { warning } = this.#session;
    line.hidden = warning === null;
    if (warning === null) return;
    const { what, leftMs, percent } = warning;
    line.dataset.what = what;
    line.dataset.state = leftMs === null ? "near" : leftMs > 0 ? "ending" : "due";
    part("stay").hidden = what !== "idle";
    if (leftMs === null) setText(part("text", line), words.limitNear(what, leftMs, percent));
    else if (leftMs > 0) setText(part("text", line), words.endsIn(what, clock(leftMs + 999)));
    else setText(part("text", line), words.endsNow(what));
  }

  /** @param {string} state @param {boolean} wasHeard */
  showMicrophone(state, wasHeard) {
    const { button, word, use } = this.#mic;
    const isOn = state === "on" || state === "silent";
    show(word, state, words.MICROPHONE);
    button.setAttribute("aria-pressed", String(isOn));
    button.disabled = state === "requesting" || state === "no-way";
    const isSlashed = !["off", "requesting", "on", "silent"].includes(state);
    use?.setAttribute("href", (isSlashed ? use.dataset.off : use.dataset.on) ?? "");
    this.ring.set(isOn);
    this.#renderMicrophoneProblem(state === "silent" && wasHeard ? "on" : state);
  }

  /** @param {string} state */
  #renderMicrophoneProblem(state) {
    const toast = part("mic-problem");
    const isInsecure = state === "blocked" && !isSecureContext;
    const problem = isInsecure ? words.INSECURE : words.MICROPHONE_PROBLEMS[state];
    toast.hidden = !problem;
    toast.dataset.state = state;
    if (problem) fill(toast, problem);
  }

  #renderProblem() {
    const toast = part("problem");
    const { problem, hasEnded } = this.#session;
    toast.hidden = !problem || hasEnded;
    if (!problem) return;
    toast.dataset.code = problem.code;
    fill(toast, problem);
    part("problem-dismiss").hidden = problem.isFatal;
    this.#renderAction(words.PROBLEMS[problem.code] ?? {});
  }

  /** @param {{action?: string, label?: string}} wanted */
  #renderAction({ action, label }) {
    const link = part("problem-action");
    link.hidden = !action;
    if (!action) return;
    const here = location.pathname;
    /** @type {{[action: string]: string}} */
    const targets = {
      login: `${link.dataset.loginUrl}?next=${encodeURIComponent(here)}`,
      lobby: this.#urls.lobby,
    };
    link.href = targets[action] ?? here;
    link.dataset.action = action;
    setText(link, label ?? "");
  }

  #renderEnd() {
    const panel = part("ended");
    const { hasEnded, picture, conversation } = this.#session;
    panel.hidden = !hasEnded;
    part("composer-form").hidden = hasEnded;
    if (!hasEnded || panel.dataset.reason !== undefined) return;
    const { title, next } = words.ENDS[picture.ended ?? ""] ?? words.ENDED;
    panel.dataset.reason = picture.ended ?? "";
    setText(part("title", panel), title);
    setText(part("next", panel), next);
    part("open-transcript").href = this.#urls.conversation.replace("__id__", conversation ?? "");
  }
}

/** @param {HTMLElement} element @param {string} state @param {{[state: string]: string}} catalogue */
function show(element, state, catalogue) {
  element.dataset.state = state;
  setText(element, catalogue[state] ?? state);
}

/** @param {HTMLElement} toast @param {{message: string, fix: string}} problem */
function fill(toast, { message, fix }) {
  setText(part("message", toast), message);
  setText(part("fix", toast), fix);
}
