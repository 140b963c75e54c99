/** Whether one may write in a room now, and the sentence above the composer that says why not, or how long to wait. */

import { MODERATOR } from "./ranks.js";

const TICK_MS = 1_000;
const FOREVER_MS = 10 * 366 * 86_400_000; // as long as a mute that is not for ever can be
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Writing {
  #byId;
  #configuration;
  #composer;
  #room = null;
  #timer;

  constructor({ byId, configuration, composer }) {
    this.#byId = byId;
    this.#configuration = configuration;
    this.#composer = composer;
  }

  /** Shows this room's state, and goes on when it ends; with null of none. */
  show(room) {
    clearTimeout(this.#timer);
    this.#room = room;
    if (!room) return;
    const { text, isBarred = false, isHeld = false, nextMs } = this.#state(room);
    const place = this.#byId("composer-state");
    place.hidden = !text;
    if (place.textContent !== text) place.textContent = text; // readers aloud say it once
    this.#composer.permit({ isBarred, isHeld });
    if (nextMs) this.#timer = setTimeout(() => this.show(room), Math.min(nextMs, LONGEST_TIMER_MS));
  }

  #state({ closed, locked, mutedUntil, slowUntilMs, rank }) {
    const { say } = this.#configuration;
    if (closed) return { text: say("closedRoom"), isBarred: true };
    const mutedMs = mutedUntil ? new Date(mutedUntil) - Date.now() : 0;
    if (mutedMs > 0) return { text: this.#mutedText(mutedUntil, mutedMs), isBarred: true, nextMs: mutedMs };
    if (rank >= MODERATOR) return { text: "" };
    if (locked) return { text: say("lockedRoom"), isBarred: true };
    const slowMs = slowUntilMs - Date.now();
    if (slowMs <= 0) return { text: "" };
    return { text: say("slowFor", { count: Math.ceil(slowMs / 1000) }), isHeld: true, nextMs: Math.min(slowMs, TICK_MS) };
  }

  #mutedText(until, lastsMs) {
    const { say, times } = this.#configuration;
    return lastsMs > FOREVER_MS ? say("mutedForever") : say("mutedUntil", { time: times.sayMoment(new Date(until)) });
  }
}
