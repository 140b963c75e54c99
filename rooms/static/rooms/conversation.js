/** One open room: its head, its log with the scrolling, and why it cannot be entered if it cannot. A view of SharedChat. */

import { make } from "./dom.js";

const NEAR_PX = 80; // so near the end one is reading along; so near the beginning the older page is wanted
const FAR_PX = 400;

export class Conversation {
  #byId;
  #say;
  #onOlder;
  #onPaint;
  #onTakeBack;
  #onSeen;
  #log;
  #beginning;
  #room = null;
  #label = "";
  #link = null;
  #following = true;
  #missed = 0;

  /**
   * `byId(id)` finds its elements; `onOlder(room, log)` resolves to whether an older page came; `onPaint(room)` is called
   * when the room that is shown has changed, `onTakeBack(content, files)` with what was not sent and is to be edited, and
   * `onSeen(room, seq)` when the end of the room is in sight, with its newest message.
   */
  constructor({ byId, say, onOlder, onPaint, onTakeBack, onSeen }) {
    this.#onPaint = onPaint;
    this.#onTakeBack = onTakeBack;
    this.#byId = byId;
    this.#say = say;
    this.#onOlder = onOlder;
    this.#onSeen = onSeen;
    this.#log = byId("log");
    this.#beginning = byId("beginning"); // not always in the log
    this.#log.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#resized()).observe(this.#log);
    byId("jump").addEventListener("click", () => this.follow());
  }

  /** Shows a room under this label, which leads to the address `link` if there is one; or with null none. */
  show(room, label, link = null) {
    if (this.#room) this.#shown.scrollTop = this.#following ? null : this.#log.scrollTop;
    this.#room = room;
    this.#label = label;
    this.#link = link;
    if (!room) return this.#log.replaceChildren();
    this.#log.replaceChildren(this.#beginning, this.#shown.element);
    this.#following = this.#shown.scrollTop === null;
    this.#missed = 0;
    if (this.#following) this.#toEnd();
    else this.#log.scrollTop = this.#shown.scrollTop;
    this.paint(room);
    this.#fill();
  }

  /** Brings head and notes up to date with the room, if it is the one shown. */
  paint(room) {
    if (room !== this.#room) return;
    const byId = this.#byId;
    this.#paintTitle(room);
    const count = room.memberCount ? this.#say("membersHere", { count: room.memberCount }) : "";
    byId("room-members").textContent = [count, room.topic].filter(Boolean).join(" · ");
    byId("refusal").hidden = !room.refusal;
    byId("refusal").textContent = room.refusal;
    byId("composer").hidden = Boolean(room.refusal);
    this.#onPaint(room);
    this.#paintBeginning();
    this.#paintTyping();
    this.see();
    const jump = byId("jump");
    jump.hidden = this.#following;
    jump.textContent = this.#missed ? this.#say("newMessages", { count: this.#missed }) : this.#say("latest");
  }

  /** Says that the end was seen, if it is: on a page that is shown, and scrolled to the end. */
  see() {
    if (!this.#room?.joined || !this.#following || document.hidden || !this.#log.clientHeight) return;
    const seq = this.#shown.newestSeq;
    if (seq) this.#onSeen(this.#room, seq);
  }

  /** Something was added at the end of this room's log. */
  added(room, { isMessage }) {
    if (room !== this.#room) return;
    if (this.#following) {
      if (this.#shown.trim()) this.#shown.hasOlder = true;
      this.#toEnd();
    } else if (isMessage) this.#missed++;
    this.paint(room);
    this.#fill();
  }

  /** A text of this room's log goes back to the composer, and its files with it. */
  takeBack(room, content, files) {
    this.paint(room);
    this.#onTakeBack(content, files);
  }

  /** Goes to the end, and stays there as more comes. */
  follow() {
    this.#following = true;
    this.#missed = 0;
    this.#toEnd();
    this.paint(this.#room);
  }

  get #shown() {
    return this.#room?.logOf(this);
  }

  #toEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** Also after it was hidden, when there is no end to go to and nothing to fill. */
  #resized() {
    if (this.#following) this.#toEnd();
    this.see();
    this.#fill();
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    const following = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    if (following !== this.#following) {
      this.#following = following;
      this.#missed = 0;
      this.paint(this.#room);
    }
    this.#fill();
  }

  /** Loads the older page when the beginning of what is here comes into sight; the eye's place stays where it is. */
  async #fill() {
    const [room, shown] = [this.#room, this.#shown];
    const { clientHeight, scrollTop } = this.#log;
    if (!shown?.hasOlder || shown.loading || !clientHeight || scrollTop > FAR_PX) return;
    shown.loading = true;
    this.#log.ariaBusy = "true"; // readers aloud: this is not news
    const fromEnd = this.#log.scrollHeight - this.#log.scrollTop;
    const arrived = await this.#onOlder(room, shown);
    shown.loading = false;
    this.#log.ariaBusy = "false";
    if (room !== this.#room) return;
    this.#log.scrollTop = this.#following ? this.#log.scrollHeight : this.#log.scrollHeight - fromEnd;
    this.paint(room);
    if (arrived) this.#fill();
  }

  /** A room without a label of the page's own has its title, if it has one. */
  #paintTitle({ name, title }) {
    const text = (this.#label === name && title) || this.#label;
    const place = this.#byId("room-title");
    if (place.textContent === text && (place.querySelector("a")?.href ?? null) === this.#link) return;
    place.replaceChildren(this.#link ? make("a", { href: this.#link }, text) : text);
  }

  #paintTyping() {
    const names = [...this.#room.typing.values()].map(({ user }) => user.username);
    const text = names.length === 1 ? this.#say("isTyping", { name: names[0] }) : this.#say("areTyping", { count: names.length });
    this.#byId("typing").textContent = names.length ? text : "";
  }

  #paintBeginning() {
    const text = this.#shown.isEmpty ? this.#say("emptyRoom") : this.#say("beginning", { room: this.#label });
    this.#beginning.hidden = this.#shown.hasOlder || !this.#room.joined;
    // It stands in a live region: only news is said aloud.
    if (this.#beginning.textContent !== text) this.#beginning.textContent = text;
  }
}
