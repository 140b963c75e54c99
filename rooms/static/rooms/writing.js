/** Whether one may write in a room now, and the sentence above the composer that says why not, or how long to wait. */

import { MODERATOR } from "./ranks.js";

const SECOND_MS = 1_000;
const COUNTED_MS = 60_000; // the end of slow mode is counted down
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Writing {
  #byId;
  #configuration;
  #composer;
  #timer;
  #isHeld = false;

  constructor({ byId, configuration, composer }) {
    this.#byId = byId;
    this.#configuration = configuration;
    this.#composer = composer;
  }

  /** Shows this room's state, and again when that ends; with null of none. */
  show(room) {
    clearTimeout(this.#timer);
    if (!room) return;
    const { text, isBarred = false, isHeld = false, nextMs } = this.#state(room);
    const place = this.#byId("composer-state");
    if (place.textContent !== text) {
      place.hidden = !text;
      place.ariaLive = this.#isHeld && isHeld ? "off" : "polite"; // a countdown is read aloud once
      place.textContent = text;
    }
    this.#isHeld = isHeld;
    this.#composer.permit({ isBarred, isHeld });
    if (nextMs) this.#timer = setTimeout(() => this.show(room), Math.min(nextMs, LONGEST_TIMER_MS));
  }

  /** The first that keeps one from writing, in the server's order; `nextMs`: when there is something else to say. */
  #state({ closed, locked, mutedUntilMs, slowUntilMs, rank }) {
    const { say, times } = this.#configuration;
    if (closed) return { text: say("closedRoom"), isBarred: true };
    const [mutedMs, slowMs] = [mutedUntilMs, slowUntilMs].map((untilMs) => untilMs - Date.now());
    if (mutedMs > 0) {
      const time = times.sayEnd(mutedUntilMs);
      return { text: time ? say("mutedUntil", { time }) : say("mutedForever"), isBarred: true, nextMs: mutedMs };
    }
    if (rank >= MODERATOR) return { text: "" };
    if (locked) return { text: say("lockedRoom"), isBarred: true };
    return slowMs > 0 ? { isHeld: true, ...this.#slow(slowUntilMs, slowMs) } : { text: "" };
  }

  #slow(untilMs, lastsMs) {
    const { say, times } = this.#configuration;
    if (lastsMs > COUNTED_MS) return { text: say("slowUntil", { time: times.sayEnd(untilMs) }), nextMs: lastsMs - COUNTED_MS };
    const count = Math.ceil(lastsMs / SECOND_MS);
    return { text: say("slowFor", { count }), nextMs: lastsMs - (count - 1) * SECOND_MS };
  }
}
