/**
 * One room's messages as a list: in the order of their `seq`, my own unsent ones at the end, notices where they happened.
 * It knows no socket.
 */

import { attachmentNodes } from "./attachments.js";
import { paintAvatar } from "./avatar.js";
import { make } from "./dom.js";
import { concerns } from "./mention-text.js";
import { messageNodes } from "./message-text.js";
import { reactionNodes, withReaction } from "./reactions.js";
import { excerptOf, quoteNodes, quoteOf } from "./replies.js";
import { appendPiece, streamNodes, withText } from "./streams.js";
import { isSystem, renamedIn, systemText } from "./system-messages.js";
import { isSameDay } from "./times.js";

export const HISTORY_PAGE = 50;
const GROUP_MS = 5 * 60_000; // the same author's messages within this time are grouped
const KEPT = 1_000; // entries of one room on the page; dropped ones load again by scrolling up

export class MessageLog {
  element = make("ol", { class: "messages" });
  hasOlder = false; // the server has messages before these
  loading = false;
  scrollTop = null; // where its reader was; null is the end
  #configuration;
  #client;
  #actions;
  #blocks;
  #entries = []; // {order, element, at, seq?, messageId?, message?, clientId?, authorId?, noticeOf?}, by order
  #bySeq = new Map();
  #unsent = new Map(); // clientId → entry

  constructor(configuration, { actions, blocks, client }) {
    this.#configuration = configuration;
    this.#client = client;
    this.#actions = actions;
    this.#blocks = blocks;
  }

  get oldestSeq() {
    return this.#entries.find((entry) => entry.seq)?.seq;
  }

  /** Of the newest message; 0: there is none. */
  get newestSeq() {
    return this.#newestSeq();
  }

  get isEmpty() {
    return this.#entries.length === 0;
  }

  get hasUnsent() {
    return this.#unsent.size > 0;
  }

  /** Shows a page of history; the server has older messages if the page is full. */
  addHistory(messages) {
    for (const message of messages) this.add(message);
    this.hasOlder = messages.length >= HISTORY_PAGE;
  }

  /** Shows a message; false when it was here already, or is my own that was waiting. */
  add(message) {
    const { seq, messageId, clientId, user, content, timestamp, bot } = message;
    if (this.#bySeq.has(seq)) {
      this.#nameMentioned(this.#bySeq.get(seq), message);
      return false;
    }
    if (isSystem(message)) return this.#addSystem(message);
    if (user.id === this.#configuration.me.id && this.#unsent.has(clientId)) {
      this.acknowledge(clientId, message);
      return false;
    }
    const entry = this.#message({ user, content, at: new Date(timestamp), bot });
    Object.assign(entry, { order: seq, seq, messageId });
    this.#offerActions(entry, message);
    this.#paintContent(entry);
    this.#bySeq.set(seq, entry);
    this.#insert(entry);
    this.#fold(entry);
    return true;
  }

  #addSystem(message) {
    const at = new Date(message.timestamp);
    const entry = { element: this.#notice(systemText(message, this.#configuration), at), at, system: message };
    Object.assign(entry, { order: message.seq, seq: message.seq, messageId: message.messageId });
    this.#bySeq.set(message.seq, entry);
    this.#insert(entry);
    return true;
  }

  /** Shows my own message before the server has it. */
  addUnsent({ clientId, content, kind, attachments, answered, onRetry, onEdit, onDiscard }) {
    const entry = this.#message({ user: this.#configuration.me, content, at: new Date() });
    const replyTo = answered ? quoteOf(answered) : undefined;
    Object.assign(entry, { order: Infinity, clientId, content, kind, attachments, replyTo });
    this.#paintAction(entry, { kind, user: this.#configuration.me });
    entry.element.querySelector(".content").before(...quoteNodes(entry, this.#configuration));
    this.#paintFiles(entry.element, entry);
    const retry = this.#button("retry", "tryAgain", () => (this.#wait(entry), onRetry()));
    const edit = this.#button("edit", "edit", () => (this.#remove(entry), onEdit()));
    const discard = this.#button("discard", "discard", () => (this.#remove(entry), onDiscard()));
    const choices = make("span", { class: "delivery-choices" }, retry, " ", edit, " ", discard);
    const delivery = make("p", { class: "delivery" }, make("span", { class: "delivery-text" }), " ", choices);
    entry.element.querySelector(".said").append(delivery);
    this.#unsent.set(clientId, entry);
    this.#wait(entry);
    this.#insert(entry);
  }

  /** The server has stored my message: moves it to its place. */
  acknowledge(clientId, ack) {
    const { seq, messageId, timestamp } = ack;
    const entry = this.#unsent.get(clientId);
    if (!entry) return;
    this.#remove(entry);
    if (this.#bySeq.has(seq)) return; // its event came first, and without the client's id
    Object.assign(entry, { order: seq, seq, messageId, at: new Date(timestamp) });
    this.#configuration.times.paint(entry.element.querySelector("time"), entry.at);
    entry.element.classList.remove("unsent", "failed");
    entry.element.querySelector(".delivery").remove();
    const { content, kind, attachments, replyTo } = entry;
    this.#offerActions(entry, { replyTo, kind, attachments, ...ack, user: this.#configuration.me, content });
    this.#nameMentioned(entry, ack);
    this.#bySeq.set(seq, entry);
    this.#insert(entry);
  }

  /** Whom my own message mentions, the server says: its answer to the command does not, the event may come later. */
  #nameMentioned(entry, { mentions, mentionsRoom }) {
    if (!(mentions || mentionsRoom) || entry.message.editedAt) return;
    Object.assign(entry.message, { mentions, mentionsRoom });
    this.#paintContent(entry);
  }

  /** Removes my message that was not sent. */
  discard(clientId) {
    const entry = this.#unsent.get(clientId);
    if (entry) this.#remove(entry);
  }

  /** Shows what a command has answered, which nobody else sees. */
  addAnswer(text) {
    const at = new Date();
    const element = this.#notice(text, at);
    element.classList.add("answer");
    this.#insert({ order: this.#newestSeq() + 0.5, element, at });
  }

  /** The server has refused my message: shows why, and offers to retry. */
  fail(clientId, reason) {
    const entry = this.#unsent.get(clientId);
    if (entry) paintDelivery(entry, "failed", this.#say("notSent", { reason }));
  }

  /** Shows that somebody joined or left; repeated notices of one person are shown once. */
  addNotice(text, user, at) {
    const last = this.#entries.at(-1);
    if (last?.noticeOf === user.id) this.#remove(last);
    this.#insert({ order: this.#newestSeq() + 0.5, element: this.#notice(text, at), at, noticeOf: user.id });
  }

  /** Shows a message as it is now; nothing when it is not on the page. */
  edit(message) {
    const entry = this.#entries.find((candidate) => candidate.messageId === message.messageId);
    if (!entry) return;
    const gone = { reactions: [], mentions: undefined, mentionsRoom: undefined, pinnedAt: undefined, attachments: [] };
    Object.assign(entry.message, gone, withText(message, entry.message)); // the one that its actions have
    this.#paintContent(entry);
    this.#requote([message.messageId], { excerpt: excerptOf(message.content) });
  }

  /** Appends to a message that is being written: whether it `grew`, and from where on something is `missing`. */
  append(piece) {
    const entry = this.#entries.find((candidate) => candidate.messageId === piece.messageId);
    if (!entry?.message?.streaming) return {};
    const { added, missing } = appendPiece(entry.message, piece);
    if (added) entry.element.querySelector(".text").append(added); // links are made when it is whole
    return { grew: Boolean(added), missing };
  }

  /** Shows that somebody has reacted to a message, or does not any more. */
  react(reaction) {
    const entry = this.#entries.find((candidate) => candidate.messageId === reaction.messageId);
    if (!entry) return;
    entry.message.reactions = withReaction(entry.message.reactions, reaction);
    this.#paintReactions(entry);
  }

  /** Folds the messages of people who are blocked now, and unfolds the others. */
  foldBlocked() {
    for (const entry of this.#entries) if (entry.seq) this.#fold(entry);
  }

  /** Shows another name and picture of this author, who with `deleted` is nobody any more. */
  rename(user, deleted) {
    const shown = deleted ? { ...user, id: "0" } : user;
    const username = this.#configuration.sayName(shown);
    for (const entry of this.#entries.filter(({ authorId }) => authorId === user.id)) {
      entry.authorId = shown.id;
      entry.element.querySelector(".author").textContent = username;
      const actor = entry.element.querySelector(".actor bdi");
      if (actor) actor.textContent = username;
      paintAvatar(entry.element.querySelector(".avatar"), { ...shown, username });
    }
    this.#renameInReactions(user.id, shown);
    for (const entry of this.#entries.filter(({ system }) => system)) {
      entry.system = renamedIn(entry.system, user.id, shown);
      entry.element.querySelector(".notice-text").textContent = systemText(entry.system, this.#configuration);
    }
  }

  #renameInReactions(id, shown) {
    for (const entry of this.#entries.filter(({ message }) => message?.reactions?.length)) {
      for (const { users } of entry.message.reactions) {
        const place = users.findIndex((user) => user.id === id);
        if (place >= 0) users[place] = shown;
      }
      this.#paintReactions(entry);
    }
  }

  /** Removes everything but unsent messages. */
  clear() {
    for (const entry of [...this.#entries]) if (entry.order !== Infinity) this.#remove(entry);
  }

  /** Removes a message. */
  delete(messageId) {
    const entry = this.#entries.find((candidate) => candidate.messageId === messageId);
    if (entry) this.#remove(entry);
    this.#requote([messageId], { excerpt: undefined, deleted: true });
  }

  /** Removes messages by their ids, or all of a user that were there before this change. */
  deleteMany({ user, messageIds, changedSeq }) {
    const ids = new Set(messageIds);
    const isGone = (entry) => (user ? entry.authorId === user.id && entry.seq < changedSeq : ids.has(entry.messageId));
    const gone = this.#entries.filter(isGone);
    for (const entry of gone) this.#remove(entry);
    this.#requote(messageIds ?? gone.map(({ messageId }) => messageId), { excerpt: undefined, deleted: true });
  }

  /** Messages that answer these show them as they are now. */
  #requote(messageIds, change) {
    for (const entry of this.#entries.filter(({ message }) => messageIds.includes(message?.replyTo?.messageId))) {
      entry.message.replyTo = { ...entry.message.replyTo, ...change };
      this.#paintContent(entry);
    }
  }

  /** Drops the oldest entries if there are too many; true when it did. */
  trim() {
    if (this.#entries.length <= KEPT) return false;
    for (const entry of this.#entries.slice(0, KEPT / 2)) if (entry.order !== Infinity) this.#remove(entry);
    return true;
  }

  #newestSeq() {
    return this.#entries.findLast((entry) => entry.seq)?.seq ?? 0;
  }

  #wait(entry) {
    paintDelivery(entry, "unsent", this.#say("sending"));
  }

  #insert(entry) {
    const index = this.#entries.findLastIndex(({ order }) => order <= entry.order) + 1;
    this.element.insertBefore(entry.element, this.#entries[index]?.element ?? null);
    this.#entries.splice(index, 0, entry);
    this.#decorate(index);
    this.#decorate(index + 1);
  }

  #remove(entry) {
    const index = this.#entries.indexOf(entry);
    this.#entries.splice(index, 1);
    this.#bySeq.delete(entry.seq);
    this.#unsent.delete(entry.clientId);
    entry.element.remove();
    this.#decorate(index);
  }

  /** A day's first entry shows the day; an author's next message shows no name. Both depend on the entry before. */
  #decorate(index) {
    const [entry, before] = [this.#entries[index], this.#entries[index - 1]];
    if (!entry) return;
    const newDay = !before || !isSameDay(before.at, entry.at);
    entry.element.querySelector(".day")?.remove();
    if (newDay) entry.element.prepend(this.#day(entry.at));
    const sameTurn = !newDay && entry.authorId && entry.authorId === before.authorId && entry.at - before.at < GROUP_MS;
    entry.element.classList.toggle("continued", Boolean(sameTurn));
  }

  #offerActions(entry, message) {
    entry.message = { ...message };
    entry.element.querySelector(".said").append(...this.#actions.nodes(entry.message));
  }

  #paintContent({ element, message }) {
    const { editedAt, pinnedAt } = message;
    element.querySelector(".quote")?.remove();
    element.querySelector(".content").before(...quoteNodes(message, this.#configuration));
    const marks = [editedAt && "edited", pinnedAt && "pinned"].filter(Boolean);
    const notes = marks.map((key) => make("span", { class: key }, ` ${this.#say(key)}`));
    const { me } = this.#configuration;
    const behind = streamNodes(message, { client: this.#client, configuration: this.#configuration });
    element.classList.toggle("streaming", Boolean(message.streaming));
    element.classList.toggle("concerning", concerns(message, me));
    element.querySelector(".content").ariaBusy = String(Boolean(message.streaming)); // read aloud when it is whole
    element.querySelector(".content").replaceChildren(textOf(message, me), ...notes, ...behind);
    this.#paintAction({ element }, message);
    this.#paintFiles(element, message);
    this.#paintReactions({ element, message });
  }

  /** A film that plays goes on when its message is changed. */
  #paintFiles(element, message) {
    const { content, streaming, interrupted } = message;
    element.classList.toggle("textless", !(content || streaming || interrupted));
    const [before, [after]] = [element.querySelector(".files"), attachmentNodes(message, this.#configuration)];
    if (before?.isEqualNode(after ?? null)) return;
    before?.remove();
    if (after) element.querySelector(".content").after(after);
  }

  /** What somebody does begins with their name. */
  #paintAction({ element }, { kind, user }) {
    if (kind !== "action") return;
    element.classList.add("action");
    const actor = make("span", { class: "actor" }, make("bdi", {}, this.#configuration.sayName(user)), " ");
    element.querySelector(".content").prepend(actor);
  }

  #paintReactions({ element, message }) {
    const focused = element.querySelector(".reaction:focus")?.textContent.split(" ")[0];
    element.querySelector(".reactions")?.remove();
    const tools = { client: this.#client, configuration: this.#configuration };
    (element.querySelector(".files") ?? element.querySelector(".content")).after(...reactionNodes(message, tools));
    const buttons = [...element.querySelectorAll(".reaction")];
    if (focused) buttons.find(({ textContent }) => textContent.startsWith(focused))?.focus();
  }

  #fold({ element, authorId }) {
    const isFolded = this.#blocks.has(authorId);
    if (isFolded === Boolean(element.querySelector(".fold"))) return; // as it is, or opened by the reader
    element.classList.toggle("folded", isFolded);
    if (!isFolded) return element.querySelector(".fold").remove();
    const show = this.#button("show", "show", () => {
      element.classList.remove("folded");
      const content = element.querySelector(".content");
      content.tabIndex = -1;
      content.focus();
    });
    element.querySelector(".said").prepend(make("p", { class: "fold" }, this.#say("fromBlocked"), " · ", show));
  }

  // --- The elements of entries ---------------------------------------------------------------------------------------

  #say(key, values) {
    return this.#configuration.say(key, values);
  }

  #message({ user, content, at, bot = false }) {
    const { me, sayName } = this.#configuration;
    const username = sayName(user);
    const avatar = make("span", { class: "avatar", "aria-hidden": "true" });
    paintAvatar(avatar, { ...user, username });
    const author = make("strong", { class: "author", dir: "auto" }, username);
    const said = make(
      "div",
      { class: "said" },
      make("p", { class: "byline" }, author, ...(bot ? [make("span", { class: "bot" }, this.#say("bot"))] : []), " ", this.#time(at)),
      make("div", { class: "content", dir: "auto" }, textOf({ content }, me)),
    );
    const element = make("li", { class: user.id === me.id ? "message own" : "message" }, avatar, said);
    return { element, at, authorId: user.id };
  }

  #notice(text, at) {
    return make("li", { class: "notice" }, make("span", { class: "notice-text", dir: "auto" }, text), " ", this.#time(at));
  }

  #button(name, key, onClick) {
    const button = make("button", { type: "button", class: `link-button ${name}` }, this.#say(key));
    button.addEventListener("click", onClick);
    return button;
  }

  #time(at) {
    const element = make("time");
    this.#configuration.times.paint(element, at);
    return element;
  }

  #day(date) {
    return make("p", { class: "day" }, make("span", {}, this.#configuration.times.sayDay(date)));
  }
}

/** Without a direction of its own, so that it decides that of its message; it turns nothing around that follows. */
function textOf(message, me) {
  return make("span", { class: "text" }, messageNodes(message, me));
}

function paintDelivery({ element }, state, text) {
  element.classList.toggle("unsent", state === "unsent");
  element.classList.toggle("failed", state === "failed");
  element.querySelector(".delivery-text").textContent = text;
}
