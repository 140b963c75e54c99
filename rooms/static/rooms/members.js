/** Who belongs to the open room, one's own membership, and inviting others: a section of the list of people. */

import { paintAvatar } from "./avatar.js";
import { mayModerate, openModeration } from "./moderation.js";
import { byId, configuration, me, piece, say, sayError, urls } from "./page.js";
import { MODERATOR, VISITOR, rankOf } from "./ranks.js";
import { openRoomSettings } from "./room-settings.js";

const PAGE = 50;
const ROLES = { owner: "roleOwner", moderator: "roleModerator" };
const INVITING = new Set(["public", "private"]);

export class Members {
  #client;
  #name = null; // of the room that is shown
  #room = null; // what the list of rooms says of it
  #next = null; // where the next page begins

  constructor(client) {
    this.#client = client;
    byId("follow").addEventListener("click", () => this.#toggle());
    byId("level").addEventListener("change", () => this.#setLevel(byId("level").value));
    byId("members-more").addEventListener("click", () => this.#load());
    byId("invite").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#invite(byId("invite-name").value.trim());
    });
    byId("invite-link").addEventListener("click", () => this.#makeLink());
    byId("room-settings").addEventListener("click", ({ currentTarget }) => {
      openRoomSettings(currentTarget, this.#room, { client, configuration, rank: this.#rank });
    });
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

  /** Somebody's role or restrictions in a room have changed; who is not on the pages fetched so far may follow there. */
  updated({ roomId, user, role = "none", ...state }) {
    if (roomId !== this.#name) return;
    const before = this.#find(user);
    const isListed = role !== "none" || (state.bannedUntil && this.#rank >= MODERATOR);
    if (before && isListed) this.#replace(before, { user, role, ...state });
    else if (before) before.remove();
    else if (isListed && this.#next === null) this.reload();
  }

  #replace(before, member) {
    const hadFocus = before.contains(document.activeElement);
    const item = this.#item(member);
    before.replaceWith(item);
    if (hadFocus) item.querySelector("button:not([hidden])")?.focus();
  }

  get #rank() {
    return this.#room ? rankOf(this.#room.role, this.#client.user?.roles) : VISITOR;
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

  #paintControls({ kind, role, level }) {
    byId("level-label").hidden = !role;
    if (document.activeElement !== byId("level")) byId("level").value = level ?? "all";
    byId("follow").hidden = kind === "direct";
    byId("follow").textContent = say(role ? "unfollow" : "follow");
    byId("invite").hidden = !role || !INVITING.has(kind);
    byId("invite-link").hidden = this.#rank < MODERATOR || !INVITING.has(kind);
    byId("room-settings").hidden = this.#rank < MODERATOR || kind === "direct";
  }

  async #load() {
    const [name, after] = [this.#name, this.#next];
    const page = await this.#send("get-members", { limit: PAGE, ...(after === null ? {} : { after }) });
    if (!page || name !== this.#name || after !== this.#next) return;
    const list = byId("members-list");
    const items = page.members.map((member) => this.#item(member));
    if (after === null) list.replaceChildren(...items);
    else list.append(...items);
    this.#next = page.next ?? null;
    byId("members-more").hidden = this.#next === null;
  }

  async #toggle() {
    const type = this.#room.role ? "unfollow-room" : "follow-room";
    if (await this.#send(type, {}, "lastOwner")) this.#note("");
  }

  async #setLevel(level) {
    if (await this.#send("follow-room", { level })) this.#note("");
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

  #find({ id }) {
    return [...byId("members-list").children].find((item) => item.dataset.user === id);
  }

  #item(member) {
    const { user, role, mutedUntil, bannedUntil } = member;
    const item = piece("member");
    item.dataset.user = user.id;
    paintAvatar(item.querySelector(".avatar"), user);
    item.querySelector(".person-name").textContent = user.id === me.id ? say("you", { name: user.username }) : user.username;
    const restrictions = [bannedUntil && "bannedMember", mutedUntil && "mutedMember"];
    const states = [ROLES[role], ...(this.#rank >= MODERATOR ? restrictions : [])].filter(Boolean);
    item.querySelector(".member-role").textContent = states.map((key) => say(key)).join(", ");
    const button = item.querySelector("button");
    button.hidden = !mayModerate(this.#rank, member, me) || this.#room.kind === "direct";
    button.ariaLabel = button.title = say("moderateTitle", { name: user.username });
    button.addEventListener("click", () => this.#moderate(member));
    return item;
  }

  #moderate(member) {
    const context = { client: this.#client, configuration, roomId: this.#name, rank: this.#rank };
    const dialog = openModeration(byId("members-list"), member, context);
    // The item is another one when the member has changed.
    dialog.addEventListener("close", () => this.#find(member.user)?.querySelector("button:not([hidden])")?.focus());
  }
}
