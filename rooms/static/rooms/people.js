/** Who is here: the people seen in the open room, and all who are online; beside the messages, or over them on a phone. */

import { paintAvatar } from "./avatar.js";
import { byId, me, piece, say } from "./page.js";

const SHOWN = 200;
const narrow = matchMedia("(max-width: 1099px)");

export class People {
  constructor() {
    byId("people-toggle").addEventListener("click", () => this.#open(byId("app").dataset.people !== "open"));
    byId("people-close").addEventListener("click", () => this.#open(false));
    byId("people").addEventListener("keydown", (event) => event.key === "Escape" && this.#open(false));
  }

  /** The server names no members, only how many they are: whom we have not seen is counted, not named. */
  showRoom(room) {
    byId("here-section").hidden = !room;
    if (!room) return;
    const unseen = Math.max(0, room.memberCount - room.people.size);
    paintPeople(byId("here-list"), [...room.people.values()]);
    byId("here-note").hidden = unseen === 0;
    byId("here-note").textContent = say("othersHere", { count: unseen });
  }

  showOnline(users) {
    byId("online-count").textContent = users.length;
    paintPeople(byId("online-list"), users);
  }

  close() {
    this.#open(false);
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

function paintPeople(list, users) {
  list.replaceChildren(...users.slice(0, SHOWN).map(personItem));
}

function personItem(user) {
  const item = piece("person");
  paintAvatar(item.querySelector(".avatar"), user);
  item.querySelector(".person-name").textContent =
    user.id === me.id ? say("you", { name: user.username }) : user.username;
  return item;
}
