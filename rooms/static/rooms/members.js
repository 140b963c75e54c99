/** Who belongs to the open room, one's own membership, and inviting others: a section of the list of people. */

import { paintAvatar } from "./avatar.js";
import { byId, me, piece, say, sayError, urls } from "./page.js";

const PAGE = 50;
const ROLES = { owner: "roleOwner", moderator: "roleModerator", none: "roleNone" };
const INVITING = new Set(["public", "private"]);
const MODERATING = new Set(["owner", "moderator"]);

export class Members {
  #client;
  #name = null; // of the room that is shown
  #room = null; // what the list of rooms says of it
  #next = null; // where the next page begins

  constructor(client) {
    this.#client = client;
    byId("follow").addEventListener("click", () => this.#toggle());
    byId("members-more").addEventListener("click", () => this.#load());
    byId("invite").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#invite(byId("invite-name").value.trim());
    });
    byId("invite-link").addEventListener("click", () => this.#makeLink());
  }

  /** Shows the members of a room, or with null none; `room` is the room whole, if it is known. */
  show(name, room = null) {
    const isOther = name !== this.#name;
    const isChanged = room?.role !== this.#room?.role;
    [this.#name, this.#room] = [name, room];
    byId("members-section").hidden = !room;
    if (isOther) this.#clear();
    if (!room) return;
    this.#paintControls(room);
    if (isOther || isChanged) this.reload();
  }

  /** Fetches the first page again. */
  reload() {
    this.#next = null;
    return this.#load();
  }

  #clear() {
    byId("members-list").replaceChildren();
    byId("members-more").hidden = true;
    byId("invite-name").value = "";
    byId("invite-url").hidden = true;
    this.#note("");
  }

  #paintControls({ kind, role }) {
    byId("follow").hidden = kind === "direct";
    byId("follow").textContent = say(role ? "unfollow" : "follow");
    byId("invite").hidden = !role || !INVITING.has(kind);
    byId("invite-link").hidden = !MODERATING.has(role) || !INVITING.has(kind);
  }

  async #load() {
    const [name, after] = [this.#name, this.#next];
    const page = await this.#send("get-members", { limit: PAGE, ...(after === null ? {} : { after }) });
    if (!page || name !== this.#name || after !== this.#next) return;
    const list = byId("members-list");
    const items = page.members.map(memberItem);
    if (after === null) list.replaceChildren(...items);
    else list.append(...items);
    this.#next = page.next ?? null;
    byId("members-more").hidden = this.#next === null;
  }

  async #toggle() {
    const type = this.#room.role ? "unfollow-room" : "follow-room";
    if (await this.#send(type, {}, "lastOwner")) this.#note("");
  }

  async #invite(username) {
    if (!username || !(await this.#send("invite", { username }, "bannedPerson"))) return;
    byId("invite-name").value = "";
    this.#note(say("invited", { name: username }));
    this.reload();
  }

  async #makeLink() {
    const made = await this.#send("create-invitation", { uses: 0 });
    if (!made) return;
    const field = byId("invite-url");
    field.value = new URL(urls.invitation.replace("{code}", () => made.code), location.href).href;
    field.hidden = false;
    field.select();
    const isCopied = await navigator.clipboard?.writeText(field.value).then(
      () => true,
      () => false,
    );
    this.#note(say(isCopied ? "linkCopied" : "linkMade"));
  }

  /** The answer to a command about the open room; null where it was refused, which is shown. */
  async #send(type, fields, conflict) {
    try {
      return await this.#client.send(type, { roomId: this.#name, ...fields });
    } catch (error) {
      this.#note(conflict && error.code === "conflict" ? say(conflict) : sayError(error));
      return null;
    }
  }

  #note(text) {
    byId("members-note").hidden = !text;
    byId("members-note").textContent = text;
  }
}

function memberItem({ user, role, online }) {
  const item = piece("member");
  item.dataset.user = user.id;
  item.dataset.online = String(online);
  paintAvatar(item.querySelector(".avatar"), user);
  item.querySelector(".person-name").textContent = user.id === me.id ? say("you", { name: user.username }) : user.username;
  item.querySelector(".member-role").textContent = ROLES[role] ? say(ROLES[role]) : "";
  return item;
}
