/** Shows the state of the connection: always beside my name, and as a strip above the page while something is wrong. */

import { byId, say, sayClosed, sayError } from "./page.js";

const QUIET_MS = 1_500; // a connection that is back sooner is not shown as lost
const SIGN_IN_HELPS = new Set([1008, 4100, 4101]);

export class ConnectionState {
  #timer = null;

  /** `onRetry()` is called when the user asks to reconnect now. */
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
