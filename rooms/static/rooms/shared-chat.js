/**
 * One connection, and the rooms that are shown through it: shared by all elements of a page and by the page's own code.
 *
 * A view is {added(room, {isMessage}), paint(room), takeBack(room, content)}: it is called when something was added to its
 * log or deleted from it, when anything else of the room has changed, and with an unsent text to be edited. A room stays
 * joined as long as anybody holds it. When one cannot be entered, or not any more, a `refused` event has the room and the
 * error. A `blocks` event says that the reader has blocked others, a `marked` one that they have read a room, or marked
 * something in it as unread.
 */

import { Blocks } from "./blocks.js";
import { ChatClient, newId, socketUrl } from "./chat-client.js";
import { JoinedRoom } from "./joined-room.js";
import { MessageActions } from "./message-actions.js";
import { HISTORY_PAGE } from "./message-log.js";
import { Reading } from "./reading.js";
import { sayResult, shownAs } from "./slash-commands.js";
import { Streams } from "./streams.js";
import { isSystem } from "./system-messages.js";
import { Typing } from "./typing.js";

// Not of this module alone, which a page may load under two addresses: with and without the hash of its content.
const chats = (globalThis[Symbol.for("chat.chats")] ??= new Map()); // socket and user → SharedChat

export class SharedChat extends EventTarget {
  rooms = new Map(); // name → JoinedRoom
  #configuration;
  #key;
  #users = 0;

  get configuration() {
    return this.#configuration;
  }

  /** The chat of this configuration's server and user. Each opened one has to be closed. */
  static open(configuration) {
    const key = `${configuration.urls.socket} ${configuration.me.id}`;
    if (!chats.has(key)) chats.set(key, new SharedChat(configuration, key));
    return chats.get(key).use();
  }

  constructor(configuration, key) {
    super();
    this.#configuration = configuration;
    this.#key = key;
    const url = `${socketUrl(configuration.urls.socket)}?accept=rooms`;
    this.client = new ChatClient(url, { userId: configuration.me.id });
    this.blocks = new Blocks({ client: this.client, configuration, onChange: () => this.#blocksChanged() });
    this.actions = new MessageActions(this);
    this.reading = new Reading(this);
    this.streams = new Streams(this);
    this.typing = new Typing(this);
    this.#listen();
    this.client.connect();
    addEventListener("beforeunload", this.#warn);
  }

  /** One user more. A method, because the private fields of another copy of this class cannot be reached from here. */
  use() {
    this.#users++;
    return this;
  }

  /** The last user's close ends the connection. */
  close() {
    if (--this.#users > 0) return;
    chats.delete(this.#key);
    removeEventListener("beforeunload", this.#warn);
    this.client.disconnect();
  }

  /** Joins a room, if nobody has yet, and keeps it joined for this holder. */
  hold(name, holder) {
    const room = this.rooms.get(name) ?? this.#join(name);
    room.holders.add(holder);
    return room;
  }

  /** Leaves the room, unless somebody else holds it. */
  release(room, holder) {
    room.holders.delete(holder);
    if (room.holders.size || this.rooms.get(room.name) !== room) return;
    this.rooms.delete(room.name);
    this.client.send("leave-room", { roomId: room.name }).catch(() => {});
  }

  /** The view is no more. */
  forget(view) {
    for (const room of [...this.rooms.values()]) {
      room.logs.delete(view);
      if (room.holders.has(view)) this.release(room, view);
    }
  }

  /** Posts a message, which may answer another one and have files, into this view's log, where it waits for the server. */
  post(room, view, { content, attachments = [], answered = null }) {
    const log = room.logOf(view);
    const clientId = newId();
    const extras = answered ? { replyTo: answered.messageId } : {};
    if (attachments.length) extras.attachments = attachments.map(({ id }) => id);
    const send = () =>
      this.client.send("chat-message", { roomId: room.name, content, clientId, ...extras }).then(
        (ack) => {
          if (ack.seq === undefined) return this.#carriedOut(room, view, { log, clientId, content, attachments });
          log.acknowledge(clientId, ack);
          this.#changed(room, () => room.posted());
        },
        (error) => {
          if (error.code === "unknown-command") return this.#unknown(room, view, { log, clientId, content, attachments, error });
          log.fail(clientId, this.#configuration.sayError(error));
          this.#changed(room, () => room.refused(error));
        },
      );
    const onEdit = () => view.takeBack(room, content, attachments);
    const shown = { ...shownAs(content, this.#configuration), attachments };
    log.addUnsent({ clientId, ...shown, answered, onRetry: send, onEdit, onDiscard: () => view.paint(room) });
    send();
  }

  /** The text was a command: it is no message, and what it answers follows. */
  #carriedOut(room, view, { log, clientId, content, attachments }) {
    log.discard(clientId);
    room.written = content;
    this.paint(room);
    if (attachments.length) view.takeBack(room, "", attachments); // a command has no files
  }

  /** The text goes back to the composer. */
  #unknown(room, view, { log, clientId, content, attachments, error }) {
    log.discard(clientId);
    log.addAnswer(this.#configuration.sayError(error));
    view.added(room, { isMessage: false });
    view.takeBack(room, content, attachments);
  }

  #answered(room, frame) {
    const text = sayResult(frame, room.written, this.#configuration);
    for (const log of room.logs.values()) log.addAnswer(text);
    this.#added(room, { isMessage: false });
  }

  /** Adds the page before the log's oldest message, or the newest one to an empty log; false when it did not come. */
  async loadOlder(room, log) {
    try {
      const page = { roomId: room.name, before: log.oldestSeq, limit: HISTORY_PAGE };
      const { messages } = await this.client.send("get-history", page);
      log.addHistory(messages);
      this.streams.complete(room, messages);
      return true;
    } catch {
      return false; // scrolling on tries again
    }
  }

  #join(name) {
    const room = new JoinedRoom(name, this.#configuration, this);
    this.rooms.set(name, room);
    this.client.send("join-room", { roomId: name }).catch((error) => this.#refuse(room, error));
    return room;
  }

  /** Its views show why, and holding the room again tries again. */
  #refuse(room, error, { wasIn = false } = {}) {
    if (this.rooms.get(room.name) === room) this.rooms.delete(room.name);
    room.refusal = this.#sayRefusal(error, room, wasIn);
    this.paint(room);
    this.dispatchEvent(new CustomEvent("refused", { detail: { room, error } }));
  }

  #sayRefusal(error, { bannedUntilMs }, wasIn) {
    const { say, sayError, times } = this.#configuration;
    if (error.code === "conflict") return say("nameTaken");
    if (error.code === "forbidden" && wasIn) return say("putOut");
    if (error.code !== "banned") return sayError(error);
    const time = times.sayEnd(bannedUntilMs);
    const text = time ? say("bannedUntil", { time }) : sayError(error);
    const [, reason] = error.message.match(/: (.+)$/s) ?? []; // the moderator's: no field of the error has it
    return reason ? `${text}\n${say("reason", { reason })}` : text;
  }

  /** Has the views of a room brought up to date. */
  paint(room) {
    for (const view of room.logs.keys()) view.paint(room);
  }

  #listen() {
    const on = (type, handle) =>
      this.client.on(type, (frame) => {
        const room = this.rooms.get(frame.roomId ?? frame.room.id);
        if (room) handle(room, frame);
      });
    on("chat-message", (room, message) => this.#received(room, message));
    on("room-message", (room, message) => this.#received(room, message));
    on("message-append", (room, frame) => this.streams.append(room, frame));
    on("message-edited", (room, frame) => room.logs.forEach((log) => log.edit(frame)));
    on("reaction", (room, frame) => room.logs.forEach((log) => log.react(frame)));
    on("message-deleted", (room, { messageId }) => this.#deleted(room, (log) => log.delete(messageId)));
    on("messages-deleted", (room, frame) => this.#deleted(room, (log) => log.deleteMany(frame)));
    on("room-reset", (room) => room.logs.forEach((log) => log.clear()));
    on("user-joined", (room, frame) => this.#cameOrWent(room, frame, "joined"));
    on("user-left", (room, frame) => this.#cameOrWent(room, frame, "left"));
    this.client.on("user-updated", (frame) => this.#renamed(frame));
    on("room-lost", (room, frame) => this.#refuse(room, frame, { wasIn: true }));
    on("member-updated", (room, { user, ...state }) => {
      if (user.id === this.#configuration.me.id) this.#changed(room, () => room.updateMe(state));
    });
    on("room-added", (room, { room: { role = null } }) => this.#changed(room, () => (room.role = role)));
    on("room-removed", (room) => this.#changed(room, () => (room.role = null)));
    on("command-result", (room, frame) => this.#answered(room, frame));
    on("typing", (room, frame) => this.typing.show(room, frame));
    on("room-updated", (room, frame) => this.#changed(room, () => room.update(frame.room)));
    on("room-joined", (room, frame) => this.#changed(room, () => room.entered(frame)));
    on("room-members", (room, { memberCount }) => this.#changed(room, () => (room.memberCount = memberCount)));
    on("message-history", (room, { id, messages }) => {
      if (id) return; // an answer goes to who asked
      room.addHistory(messages);
      this.#added(room, { isMessage: false });
    });
  }

  #changed(room, change) {
    change();
    this.paint(room);
  }

  /** Where messages are gone older ones may come into sight. */
  #deleted(room, remove) {
    room.logs.forEach(remove);
    this.#added(room, { isMessage: false });
  }

  #received(room, message) {
    if (!isSystem(message)) this.#heard(room, message);
    const isMessage = !isSystem(message);
    for (const [view, log] of room.logs) if (log.add(message)) view.added(room, { isMessage });
  }

  /** Somebody has written this. */
  #heard(room, message) {
    // The author of a missed one may have left since.
    if (!message.missed) room.people.set(message.user.id, message.user);
    if (message.user.id === this.#configuration.me.id) room.role ??= "member"; // whoever writes is one
    this.typing.end(room, message.user.id);
  }

  /** Somebody has another name, or none any more: the same in every room. */
  #renamed({ user, deleted }) {
    for (const room of this.rooms.values()) {
      if (deleted) room.people.delete(user.id);
      else if (room.people.has(user.id)) room.people.set(user.id, user);
      for (const log of room.logs.values()) log.rename(user, deleted);
    }
  }

  #cameOrWent(room, { user, timestamp }, key) {
    if (key === "joined") room.people.set(user.id, user);
    else room.people.delete(user.id);
    room.memberCount += key === "joined" ? 1 : -1;
    const text = this.#configuration.say(key, { name: user.username });
    for (const log of room.logs.values()) log.addNotice(text, user, new Date(timestamp));
    this.#added(room, { isMessage: false });
  }

  #blocksChanged() {
    for (const room of this.rooms.values()) room.logs.forEach((log) => log.foldBlocked());
    this.dispatchEvent(new CustomEvent("blocks"));
  }

  #added(room, detail) {
    for (const view of room.logs.keys()) view.added(room, detail);
  }

  #warn = (event) => {
    if ([...this.rooms.values()].some((room) => room.hasUnsent)) event.preventDefault();
  };
}
