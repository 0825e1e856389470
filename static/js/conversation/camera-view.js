// @ts-check
/** What the person shows, on the page: two buttons, a preview, what is being sent, what is wrong. */

import { part, setText } from "./parts.js";
import * as words from "./words.js";

/** @typedef {import("./camera.js").Camera} Camera */

export class CameraView {
  #tile = part("look");
  #buttons = { camera: part("camera-toggle"), screen: part("screen-toggle") };
  #isBarred = false;

  /** @param {boolean} canShareScreen */
  constructor(canShareScreen) {
    this.#buttons.screen.hidden = !canShareScreen;
  }

  /** @param {Camera} camera */
  show(camera) {
    const { state, source, isOn } = camera;
    for (const [name, button] of Object.entries(this.#buttons)) {
      const isMine = name === source;
      button.dataset.state = isMine ? state : "off";
      button.setAttribute("aria-pressed", String(isMine && isOn));
      button.disabled = state === "requesting" || this.#isBarred;
    }
    this.#tile.hidden = !isOn;
    this.#tile.dataset.source = source;
    setText(part("look-name"), words.LOOKS[camera.isWholeScreen ? "whole-screen" : source]);
    setText(part("look-sent"), words.LOOK_BEGINS);
    this.#showProblem(state, source);
  }

  /** Pictures have no way, or have one again. @param {boolean} isBarred */
  bar(isBarred) {
    this.#isBarred = isBarred;
    for (const [name, button] of Object.entries(this.#buttons)) {
      const word = words.LOOK_BUTTONS[name];
      button.disabled = isBarred;
      button.title = isBarred ? `${word}: ${words.NOT_IN_TEXT}` : word;
    }
  }

  /** @param {import("./camera.js").Picture} picture */
  sent({ jpeg, width, height }) {
    setText(part("look-sent"), words.pictureSent(width, height, jpeg.byteLength));
  }

  /** @param {boolean} isPaused the connection is too slow for pictures */
  pause(isPaused) {
    const line = part("slow");
    if (line.hidden !== isPaused) return;
    line.hidden = !isPaused;
    this.#tile.dataset.state = isPaused ? "degraded" : "on";
    setText(part("slow-status"), isPaused ? words.CAMERA_PAUSED : words.CAMERA_BACK);
  }

  off() {
    for (const button of Object.values(this.#buttons)) button.disabled = true;
  }

  /** @param {string} state @param {string} source */
  #showProblem(state, source) {
    const toast = part("camera-problem");
    const isInsecure = state === "blocked" && !isSecureContext;
    const problem = isInsecure ? words.INSECURE_CAMERA : words.CAMERA_PROBLEMS[state];
    toast.hidden = !problem;
    toast.dataset.state = state;
    toast.dataset.source = source;
    if (!problem) return;
    setText(part("message", toast), problem.message);
    setText(part("fix", toast), problem.fix);
  }
}
