/** Who is here: the people seen in the open room, and all who are online; beside the messages, or over them on a phone. */

import { paintAvatar } from "./avatar.js";
import { byId, me, piece, say } from "./page.js";
import { reportPerson } from "./reports.js";

const SHOWN = 200;
const narrow = matchMedia("(max-width: 1099px)");

export class People {
  #chat;
  #onMessage;
  #online = [];
  #items = new WeakMap(); // list → Map of its items by what they show

  /** `chat` is the SharedChat; `onMessage(user, near)` opens the direct room with somebody. */
  constructor(chat, { onMessage }) {
    this.#chat = chat;
    this.#onMessage = onMessage;
    byId("people-toggle").addEventListener("click", () => this.#open(byId("app").dataset.people !== "open"));
    byId("people-close").addEventListener("click", () => this.#open(false));
    byId("people").addEventListener("keydown", (event) => event.key === "Escape" && this.#open(false));
  }

  /** The server names no members, only how many they are: whom we have not seen is counted, not named. */
  showRoom(room) {
    byId("here-section").hidden = !room;
    if (!room) return;
    const unseen = Math.max(0, room.memberCount - room.people.size);
    this.#paint(byId("here-list"), [...room.people.values()], room.name);
    byId("here-note").hidden = unseen === 0;
    byId("here-note").textContent = say("othersHere", { count: unseen });
  }

  showOnline(users) {
    byId("online-count").textContent = users.length;
    this.#online = users;
    this.#paint(byId("online-list"), users);
  }

  /** Somebody was blocked, or is not any more. */
  showBlocked() {
    const { users } = this.#chat.blocks;
    byId("blocked-section").hidden = !users.length;
    this.#paint(byId("blocked-list"), users);
    this.#paint(byId("online-list"), this.#online);
  }

  close() {
    this.#open(false);
  }

  /** Items stay where nothing of them has changed, so that a dialog can return the focus; `roomId` is where they are. */
  #paint(list, users, roomId) {
    const before = this.#items.get(list) ?? new Map();
    const keyOf = ({ id, username, avatar }) => JSON.stringify([roomId, id, username, avatar, this.#chat.blocks.has(id)]);
    const after = new Map(users.slice(0, SHOWN).map((user) => [keyOf(user), user]));
    for (const [key, user] of after) after.set(key, before.get(key) ?? this.#item(user, roomId));
    this.#items.set(list, after);
    if ([...after.keys()].join() === [...before.keys()].join()) return;
    const focused = document.activeElement;
    const place = [...list.children].findIndex((item) => item.contains(focused));
    list.replaceChildren(...after.values());
    if (place >= 0) (focused.isConnected ? focused : list.children[place]?.querySelector(".block"))?.focus();
  }

  #item(user, roomId) {
    const { blocks } = this.#chat;
    const item = piece("person");
    paintAvatar(item.querySelector(".avatar"), user);
    item.querySelector(".person-name").textContent = user.id === me.id ? say("you", { name: user.username }) : user.username;
    const [message, report, block] = item.querySelectorAll("button");
    message.hidden = !blocks.concerns(user) || blocks.has(user.id);
    message.ariaLabel = message.title = say("messagePerson", { name: user.username });
    message.addEventListener("click", () => this.#onMessage(user, message));
    report.hidden = block.hidden = !blocks.concerns(user);
    report.ariaLabel = report.title = say("reportPerson", { name: user.username });
    report.addEventListener("click", () => reportPerson(report, user, roomId, this.#chat));
    block.textContent = say(blocks.has(user.id) ? "unblockShort" : "blockShort");
    block.ariaLabel = blocks.label(user);
    block.addEventListener("click", () => blocks.toggle(user, block));
    return item;
  }

  #open(isOpen) {
    if (!narrow.matches && isOpen) return;
    const wasOpen = byId("app").dataset.people === "open";
    byId("app").dataset.people = isOpen ? "open" : "";
    byId("people-toggle").ariaExpanded = String(isOpen);
    if (isOpen) byId("people-close").focus();
    else if (wasOpen) byId("people-toggle").focus();
  }
}
