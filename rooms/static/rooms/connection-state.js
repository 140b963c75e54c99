/** Shows the state of the connection: as a strip while something is wrong, and always in a place of the page if it has one. */

const QUIET_MS = 1_500; // a connection that is back sooner is not shown as lost
const SIGN_IN_HELPS = new Set([1008, 4100, 4101]);

export class ConnectionState {
  #configuration;
  #strip;
  #place;
  #timer = null;

  /** `strip` has a span, a button and a link; `onRetry()` is called when the user asks to reconnect now. */
  constructor({ configuration, strip, place = null, onRetry }) {
    this.#configuration = configuration;
    this.#strip = strip;
    this.#place = place;
    strip.querySelector("button").addEventListener("click", onRetry);
  }

  show({ state, code }) {
    const { say, sayClosed, sayError } = this.#configuration;
    const [text, retry, signIn] = ["span", "button", "a"].map((name) => this.#strip.querySelector(name));
    const isLost = state === "waiting" || state === "closed";
    if (this.#place) {
      this.#place.dataset.state = state;
      this.#place.textContent = isLost ? sayError({ code: "disconnected" }) : say(state);
    }
    text.textContent = state === "closed" ? sayClosed(code) : say(state);
    retry.hidden = state !== "waiting";
    signIn.hidden = state !== "anonymous" && !SIGN_IN_HELPS.has(code);
    this.hide(state === "ready");
  }

  /** Nothing is wrong, or nobody looks any more. */
  hide(isQuiet = true) {
    if (isQuiet) {
      clearTimeout(this.#timer);
      this.#timer = null;
      this.#strip.hidden = true;
    } else this.#timer ??= setTimeout(() => (this.#strip.hidden = false), QUIET_MS);
  }
}
