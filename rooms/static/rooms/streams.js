/**
 * Messages that a bot is writing: their text grows by pieces, each at its offset, counted in characters as the server
 * does: an emoji beyond 16 bits is one. What is missing is asked for.
 */

import { openNotice } from "./dialog.js";
import { make } from "./dom.js";

export class Streams {
  #chat;
  #asked = new Set(); // ids of messages whose text was asked for, until it is there

  constructor(chat) {
    this.#chat = chat;
  }

  /** A piece has come. */
  append(room, piece) {
    for (const [view, log] of room.logs) {
      const { grew, missing } = log.append(piece);
      if (grew) view.added(room, { isMessage: false });
      if (missing !== undefined) this.#ask(room, piece.messageId, missing);
    }
  }

  /** A page of history has none of the text of these messages. */
  complete(room, messages) {
    for (const { messageId, streaming } of messages) if (streaming) this.#ask(room, messageId, 0);
  }

  async #ask(room, messageId, offset) {
    if (this.#asked.has(messageId)) return;
    this.#asked.add(messageId);
    try {
      this.append(room, await this.#chat.client.send("get-stream", { roomId: room.name, messageId, offset }));
    } catch {
      // It has ended, and comes whole; or the next piece asks again.
    } finally {
      this.#asked.delete(messageId);
    }
  }
}

/** Appends what a piece has beyond the text of a message; answers that, or where something is missing before it. */
export function appendPiece(message, { offset, text }) {
  const length = message.length ?? 0;
  if (offset > length) return { missing: length };
  const news = Array.from(text).slice(length - offset);
  message.content += news.join("");
  message.length = length + news.length;
  return { added: news.join("") };
}

/** A message as it is now; one that is still being written keeps the text that has come. */
export function withText(message, before) {
  const { content, length } = before;
  const grown = message.streaming && before.streaming ? { content, length } : {};
  return { streaming: undefined, interrupted: undefined, ...message, ...grown };
}

/** What stands behind the text: a button for who asked, or that there should have been more. */
export function streamNodes(message, { client, configuration }) {
  const { me, say, sayError } = configuration;
  if (message.interrupted) return [make("span", { class: "edited" }, ` ${say("interrupted")}`)];
  if (!message.streaming || message.replyTo?.user?.id !== me.id) return [];
  const button = make("button", { type: "button", class: "link-button stop" }, say("stop"));
  button.addEventListener("click", async () => {
    const { roomId, messageId } = message;
    try {
      await client.send("message-stop", { roomId, messageId });
    } catch (error) {
      if (error.code === "stream-over") return; // it is what was wanted
      openNotice(button, { title: say("stop"), text: sayError(error), close: say("close") });
    }
  });
  return [" ", button];
}
