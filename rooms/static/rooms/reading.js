/**
 * What the reader has read: a room is marked as read up to what was seen at its end, and not again after they marked
 * something in it as unread, until it is opened again.
 */

import { openNotice } from "./dialog.js";

const WAIT_MS = 300; // for more that is seen with it

export class Reading {
  #chat;
  #marks = new WeakMap(); // room → {seq, version, timer, isKept}

  constructor(chat) {
    this.#chat = chat;
    chat.client.on("read-marker", ({ roomId, user, seq, version }) => {
      if (user.id !== chat.configuration.me.id) return;
      const room = chat.rooms.get(roomId);
      if (room && seq < this.#of(room).seq) this.#of(room).isKept = true; // marked as unread elsewhere
      if (room) this.#know(room, { seq, version });
      this.#announce(roomId);
    });
  }

  /** The room is shown, maybe again: what is seen now counts. */
  begin(room) {
    this.#of(room).isKept = false;
  }

  /** Whether something in the room was marked as unread since it was shown. */
  isKept(room) {
    return this.#of(room).isKept;
  }

  /** The end of the room was seen, with the message of this seq. Visitors have nothing to mark. */
  seen(room, seq) {
    const mark = this.#of(room);
    if (!room.role || mark.isKept || seq <= mark.seq) return;
    mark.seq = seq;
    mark.timer ??= setTimeout(() => this.#send(room), WAIT_MS);
  }

  /** Marks a message, and what follows it, as unread; a refusal is shown beside the element `near`. */
  async keepUnread(room, seq, near) {
    const mark = this.#of(room);
    const { say, sayError } = this.#chat.configuration;
    mark.isKept = true;
    try {
      if (mark.timer !== null) await this.#send(room); // what was before it is read
      this.#know(room, await this.#chat.client.send("mark-unread", { roomId: room.name, seq: seq - 1 }));
      this.#announce(room.name);
    } catch (error) {
      mark.isKept = false;
      openNotice(near, { title: say("markUnread"), text: sayError(error), close: say("close") });
    }
  }

  async #send(room) {
    const mark = this.#of(room);
    const { seq, version } = mark;
    clearTimeout(mark.timer);
    mark.timer = null;
    try {
      const known = version === undefined ? {} : { version };
      this.#know(room, await this.#chat.client.send("mark-read", { roomId: room.name, seq, ...known }));
      this.#announce(room.name);
    } catch {
      mark.seq = 0; // what is seen next marks it again
    }
  }

  #know(room, { seq, version }) {
    Object.assign(this.#of(room), { seq, version });
  }

  #of(room) {
    if (!this.#marks.has(room)) this.#marks.set(room, { seq: 0, timer: null, isKept: false });
    return this.#marks.get(room);
  }

  #announce(roomId) {
    this.#chat.dispatchEvent(new CustomEvent("marked", { detail: { roomId } }));
  }
}

/** The action of a message. */
export function unreadAction(chat) {
  const { me, say } = chat.configuration;
  return {
    label: () => say("markUnread"),
    when: ({ user, roomId }) => user.id !== me.id && Boolean(chat.rooms.get(roomId)?.role),
    run: ({ roomId, seq }, near) => chat.reading.keepUnread(chat.rooms.get(roomId), seq, near),
  };
}
