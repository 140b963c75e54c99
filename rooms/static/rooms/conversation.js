/** The open room: its head, its log with the scrolling, and why it cannot be entered if it cannot. */

import { byId, say } from "./page.js";

const NEAR_PX = 80; // so near the end one is reading along; so near the beginning the older page is wanted
const FAR_PX = 400;

export class Conversation {
  #room = null;
  #log = byId("log");
  #following = true;
  #missed = 0;
  #onOlder;

  /** `onOlder(room)` fetches the page before the oldest message and returns a promise. */
  constructor({ onOlder }) {
    this.#onOlder = onOlder;
    this.#log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#following && this.#toEnd()).observe(this.#log);
    byId("jump").addEventListener("click", () => this.follow());
  }

  /** Shows a room, or with null the welcome. */
  show(room) {
    if (this.#room) this.#room.scrollTop = this.#following ? null : this.#log.scrollTop;
    this.#room = room;
    byId("welcome").hidden = Boolean(room);
    byId("conversation").hidden = !room;
    if (!room) return;
    byId("room-title").textContent = room.name;
    this.#log.replaceChildren(byId("beginning"), room.log.element);
    this.#following = room.scrollTop === null;
    this.#missed = 0;
    if (this.#following) this.#toEnd();
    else this.#log.scrollTop = room.scrollTop;
    this.paint();
  }

  /** Brings head and notes up to date with the room. */
  paint() {
    const room = this.#room;
    if (!room) return;
    byId("room-members").textContent = room.memberCount ? say("membersHere", { count: room.memberCount }) : "";
    byId("refusal").hidden = !room.refusal;
    byId("refusal").textContent = room.refusal;
    byId("composer").hidden = Boolean(room.refusal);
    paintBeginning(room);
    const jump = byId("jump");
    jump.hidden = this.#following;
    jump.textContent = this.#missed ? say("newMessages", { count: this.#missed }) : say("latest");
  }

  /** Something was added at the end of this room's log. */
  added(room, { isMessage }) {
    if (room !== this.#room) return;
    if (this.#following) {
      if (room.log.trim()) room.hasOlder = true;
      this.#toEnd();
    } else if (isMessage) this.#missed++;
    this.paint();
    this.#fill();
  }

  /** Goes to the end, and stays there as more comes. */
  follow() {
    this.#following = true;
    this.#missed = 0;
    this.#toEnd();
    this.paint();
  }

  #toEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    const following = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    if (following !== this.#following) {
      this.#following = following;
      this.#missed = 0;
      this.paint();
    }
    this.#fill();
  }

  /** Loads the older page when the beginning of what is here comes into sight; the eye's place stays where it is. */
  async #fill() {
    const room = this.#room;
    if (!room?.hasOlder || room.loading || this.#log.scrollTop > FAR_PX) return;
    room.loading = true;
    this.#log.ariaBusy = "true"; // readers aloud: this is not news
    const fromEnd = this.#log.scrollHeight - this.#log.scrollTop;
    const arrived = await this.#onOlder(room);
    room.loading = false;
    this.#log.ariaBusy = "false";
    if (room !== this.#room) return;
    this.#log.scrollTop = this.#following ? this.#log.scrollHeight : this.#log.scrollHeight - fromEnd;
    this.paint();
    if (arrived) this.#fill();
  }
}

function paintBeginning(room) {
  const element = byId("beginning");
  const text = room.log.isEmpty ? say("emptyRoom") : say("beginning", { room: room.name });
  element.hidden = room.hasOlder || !room.joined;
  if (element.textContent !== text) element.textContent = text; // it stands in a live region: only news is said aloud
}
