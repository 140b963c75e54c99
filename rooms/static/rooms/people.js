/** Who is here: the people seen in the open room, and all who are online; beside the messages, or over them on a phone. */

import { paintAvatar } from "./avatar.js";
import { byId, me, piece, say } from "./page.js";

const SHOWN = 200;
const painted = new WeakMap(); // list → what it shows, as a text
const narrow = matchMedia("(max-width: 1099px)");

export class People {
  #blocks;
  #online = [];

  constructor(blocks) {
    this.#blocks = blocks;
    byId("people-toggle").addEventListener("click", () => this.#open(byId("app").dataset.people !== "open"));
    byId("people-close").addEventListener("click", () => this.#open(false));
    byId("people").addEventListener("keydown", (event) => event.key === "Escape" && this.#open(false));
  }

  /** The server names no members, only how many they are: whom we have not seen is counted, not named. */
  showRoom(room) {
    byId("here-section").hidden = !room;
    if (!room) return;
    const unseen = Math.max(0, room.memberCount - room.people.size);
    this.#paint(byId("here-list"), [...room.people.values()]);
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
    const { users } = this.#blocks;
    byId("blocked-section").hidden = !users.length;
    this.#paint(byId("blocked-list"), users);
    this.#paint(byId("online-list"), this.#online);
  }

  close() {
    this.#open(false);
  }

  /** Only what has changed: a button that has the focus keeps it while messages arrive. */
  #paint(list, users) {
    const shown = users.slice(0, SHOWN);
    const text = JSON.stringify(shown.map(({ id, username, avatar }) => [id, username, avatar, this.#blocks.has(id)]));
    if (painted.get(list) === text) return;
    painted.set(list, text);
    const focused = [...list.children].findIndex((item) => item.contains(document.activeElement));
    list.replaceChildren(...shown.map((user) => personItem(user, this.#blocks)));
    if (focused >= 0) list.children[focused]?.querySelector("button:not([hidden])")?.focus();
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

function personItem(user, blocks) {
  const item = piece("person");
  paintAvatar(item.querySelector(".avatar"), user);
  item.querySelector(".person-name").textContent =
    user.id === me.id ? say("you", { name: user.username }) : user.username;
  const button = item.querySelector("button");
  button.hidden = !blocks.concerns(user);
  button.textContent = say(blocks.has(user.id) ? "unblockShort" : "blockShort");
  button.ariaLabel = blocks.label(user);
  button.addEventListener("click", () => blocks.toggle(user, button));
  return item;
}
