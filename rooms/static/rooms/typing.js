/** Who is typing: shown in the rooms of a chat until it ends, and sent while the reader types. */

const AGAIN_MS = 8_000;

export class Typing {
  #chat;
  #sent = new Map(); // name of a room → when it was sent

  constructor(chat) {
    this.#chat = chat;
  }

  /** Somebody began, goes on, or ended. */
  show(room, { user, on, expiresInMs }) {
    if (user.id === this.#chat.configuration.me.id || this.#chat.blocks.has(user.id)) return;
    clearTimeout(room.typing.get(user.id)?.timer);
    if (!on) return this.end(room, user.id);
    room.typing.set(user.id, { user, timer: setTimeout(() => this.end(room, user.id), expiresInMs) });
    this.#chat.paint(room);
  }

  end(room, userId) {
    clearTimeout(room.typing.get(userId)?.timer);
    if (room.typing.delete(userId)) this.#chat.paint(room);
  }

  /** The reader has changed their text: `on` when there is some. */
  changed(room, on) {
    const [now, before] = [Date.now(), this.#sent.get(room.name)];
    if (on ? before !== undefined && now - before < AGAIN_MS : before === undefined) return;
    if (on) this.#sent.set(room.name, now);
    else this.#sent.delete(room.name);
    this.#send(room, on);
  }

  /** Their message ends it, without a frame. */
  posted(room) {
    this.#sent.delete(room.name);
  }

  #send(room, on) {
    if (!room.joined || this.#chat.client.state !== "ready") return;
    this.#chat.client.send("typing", { roomId: room.name, on }).catch(() => {}); // nothing is lost with it
  }
}
