/** Says how the connection is: a word beside my name always, and a strip over the page while something is wrong. */

import { byId, say, sayClosed, sayError } from "./page.js";

const QUIET_MS = 1_500; // a connection that comes back sooner is no news
const SIGN_IN_HELPS = new Set([1008, 4100, 4101]);

export class ConnectionState {
  #timer = null;

  /** `onRetry()` is called when somebody does not want to wait. */
  constructor({ onRetry }) {
    byId("connection-retry").addEventListener("click", onRetry);
  }

  show({ state, code }) {
    const isLost = state === "waiting" || state === "closed";
    byId("state").dataset.state = state;
    byId("state").textContent = isLost ? sayError({ code: "disconnected" }) : say(state);
    byId("connection-text").textContent = state === "closed" ? sayClosed(code) : say(state);
    byId("connection-retry").hidden = state !== "waiting";
    byId("connection-sign-in").hidden = state !== "anonymous" && !SIGN_IN_HELPS.has(code);
    if (state === "ready") {
      clearTimeout(this.#timer);
      this.#timer = null;
      byId("connection").hidden = true;
    } else this.#timer ??= setTimeout(() => (byId("connection").hidden = false), QUIET_MS);
  }
}
