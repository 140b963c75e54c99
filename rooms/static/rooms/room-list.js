/** The list of rooms: mine first, with unread counts and how many people are there; a filter that can also name a new one. */

import { byId, piece, say, urls } from "./page.js";

const SHOWN = 200; // links; more are found by typing
const NAME = /^[\p{L}\p{M}\p{N}\-_.]{1,80}$/u;
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/** The address of a room's page. A path of dots alone means another place, so such a room has none of its own. */
export const roomPath = (name) =>
  /^\.+$/.test(name) ? urls.home : urls.room.replace("{room}", () => encodeURIComponent(name));

/** What was typed, as a room's name: blanks become dashes. */
const asName = (typed) => typed.trim().normalize("NFC").replace(/\s+/g, "-");

export class RoomList {
  #rooms = []; // {id, memberCount}, as the server sent them
  #mine = new Map();
  #current = null;
  #unread = () => 0;
  #mentions = () => 0;
  #label = (name) => name;
  #input = byId("find-input");
  #onOpen;
  #onCreate;

  /** `onOpen(name)` and `onCreate(name)` are called when the user chooses. */
  constructor({ onOpen, onCreate }) {
    this.#onOpen = onOpen;
    this.#onCreate = onCreate;
    this.#input.addEventListener("input", () => this.#paint());
    byId("find").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#choose();
    });
    for (const list of [byId("joined-rooms"), byId("other-rooms")]) {
      list.addEventListener("click", (event) => this.#clicked(event));
    }
  }

  /**
   * `mine`: name → {memberCount} of the rooms I am in; `current`: the open one's name, or null; `unread(name)`,
   * `mentions(name)` and `label(name)`: how much of a room is unread, how much of that mentions me, and what it is called.
   */
  show({ rooms = this.#rooms, mine, current, unread, mentions, label }) {
    [this.#unread, this.#mentions, this.#label] = [unread, mentions, label];
    this.#rooms = rooms;
    this.#mine = mine;
    this.#current = current;
    this.#paint();
  }

  clearFilter() {
    this.#input.value = "";
    this.#paint();
  }

  #clicked(event) {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    this.#onOpen(link.dataset.room);
  }

  #choose() {
    const name = asName(this.#input.value);
    if (!name) return;
    if (this.#has(name)) this.#onOpen(name);
    else if (NAME.test(name)) this.#onCreate(name);
  }

  #has(name) {
    return this.#mine.has(name) || this.#rooms.some((room) => room.id === name);
  }

  #paint() {
    const counts = new Map(this.#rooms.map((room) => [room.id, room.memberCount]));
    for (const [name, room] of this.#mine) counts.set(name, room.memberCount);
    const wanted = this.#input.value.trim().toLocaleLowerCase();
    const label = this.#label;
    const matching = (names) =>
      [...names]
        .filter((name) => label(name).toLocaleLowerCase().includes(wanted))
        .sort((one, other) => collator.compare(label(one), label(other)));
    const mine = matching(this.#mine.keys());
    const others = matching(counts.keys()).filter((name) => !this.#mine.has(name));
    byId("joined-section").hidden = mine.length === 0;
    byId("other-heading").textContent = mine.length ? say("otherRooms") : say("rooms");
    this.#paintList(byId("joined-rooms"), mine, counts);
    this.#paintList(byId("other-rooms"), others.slice(0, SHOWN), counts);
    this.#paintNotes(mine, others);
  }

  #paintNotes(mine, others) {
    const [found, hiddenCount] = [mine.length + others.length, others.length - SHOWN];
    const name = asName(this.#input.value);
    const isNew = name !== "" && !this.#has(name);
    byId("create-room").hidden = !isNew || !NAME.test(name);
    byId("create-room").textContent = say("createRoom", { room: name });
    byId("find-note").hidden = !isNew || NAME.test(name);
    byId("find-note").textContent = say("badRoomName");
    const note = byId("rooms-note");
    note.textContent = hiddenCount > 0 ? say("moreRooms", { count: hiddenCount }) : name ? say("noMatch") : say("noRooms");
    note.hidden = hiddenCount <= 0 && found > 0;
    byId("other-section").hidden = note.hidden && others.length === 0;
  }

  /** Keeps the elements of rooms that stay, so that focus and pointer stay on them. */
  #paintList(list, names, counts) {
    const known = new Map([...list.children].map((item) => [item.firstElementChild.dataset.room, item]));
    const items = names.map((name) => known.get(name) ?? roomItem(name));
    items.forEach((item, index) => {
      this.#paintItem(item.firstElementChild, counts.get(names[index]));
      if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
    });
    while (list.children.length > items.length) list.lastElementChild.remove();
  }

  #paintItem(link, memberCount) {
    const name = link.dataset.room;
    const [unread, mentions, label] = [this.#unread(name), this.#mentions(name), this.#label(name)];
    const parts = [say("membersOfRoom", { room: label, count: memberCount })];
    link.querySelector(".room-name").textContent = label;
    if (unread) parts.push(say("unreadOfRoom", { count: unread }));
    if (mentions) parts.push(say("mentionsOfRoom", { count: mentions }));
    link.querySelector(".mentioned").hidden = !mentions;
    link.querySelector(".mentioned").textContent = `@${mentions > 99 ? "99+" : mentions}`;
    link.ariaLabel = parts.join(", ");
    link.ariaCurrent = name === this.#current ? "page" : null;
    link.querySelector(".unread").hidden = !unread;
    link.querySelector(".unread").textContent = unread > 99 ? "99+" : unread;
    link.querySelector(".member-number").textContent = memberCount;
  }
}

function roomItem(name) {
  const item = piece("room");
  const link = item.firstElementChild;
  link.href = roomPath(name);
  link.dataset.room = name;
  return item;
}
