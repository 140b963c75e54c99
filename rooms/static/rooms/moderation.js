/** What a moderator does about a member of the open room: a dialog of what there is to do, and a question before what stays. */

import { openDialog, openQuestion } from "./dialog.js";
import { make } from "./dom.js";
import { MODERATOR, OWNER, rankOf } from "./ranks.js";

const [HOUR, DAY] = [60, 24 * 60]; // minutes
const MUTES = { muteTenMinutes: 10, muteHour: HOUR, muteDay: DAY, muteForever: undefined };
const BANS = { banDay: DAY, banMonth: 30 * DAY, banForever: undefined };
const ROLES = { member: "makeMember", moderator: "makeModerator", owner: "makeOwner" };
const MAX_REASON_CHARS = 500;

/** Whether one with this rank acts on a member: nobody does on themselves, nor on an equal or a higher rank. */
export const mayModerate = (rank, { user, role }, me) => rank >= MODERATOR && user.id !== me.id && rankOf(role) < rank;

/** Opens what there is to do about a member; `context` is {client, configuration, roomId, rank}. Answers the dialog. */
export function openModeration(near, member, context) {
  return new MemberDialog(near, member, context).element;
}

class MemberDialog {
  element;
  #near;
  #member;
  #context;
  #reason;
  #status = make("p", { class: "dialog-status", role: "status" });

  constructor(near, member, context) {
    [this.#near, this.#member, this.#context] = [near, member, context];
    const title = this.#say("moderateTitle", { name: member.user.username });
    const close = make("div", { class: "dialog-buttons" }, this.#button("close", () => this.element.close()));
    this.element = openDialog(near, title, ...this.#groups(), this.#status, close);
  }

  #groups() {
    const { mutedUntil, bannedUntil, role } = this.#member;
    const isMember = role !== "none";
    const mutes = Object.entries(MUTES).map(([key, minutes]) => this.#act(key, { action: "mute", minutes }));
    const removal = [
      this.#act("kick", { action: "kick" }),
      ...(isMember ? [this.#act("removeMember", { action: "remove" })] : []),
      this.#button("deleteAll", () => this.#askToDelete()),
    ];
    return [
      this.#group("muting", mutedUntil ? [this.#act("unmute", { action: "unmute" })] : mutes),
      ...(isMember && this.#context.rank >= OWNER ? [this.#group("role", this.#roles())] : []),
      bannedUntil ? this.#group("banning", [this.#act("unban", { action: "unban" })]) : this.#bans(),
      this.#group("removal", removal),
    ];
  }

  #roles() {
    const others = Object.entries(ROLES).filter(([role]) => role !== this.#member.role);
    return others.map(([role, key]) =>
      role === "owner" ? this.#button(key, () => this.#askToMakeOwner()) : this.#act(key, { action: "role", role }),
    );
  }

  #bans() {
    this.#reason = make("input", { id: "ban-reason", maxlength: String(MAX_REASON_CHARS), dir: "auto", autocomplete: "off" });
    const label = make("label", { for: "ban-reason" }, this.#say("banReason"));
    const buttons = Object.entries(BANS).map(([key, minutes]) => this.#act(key, { action: "ban", minutes }));
    return this.#group("banning", buttons, make("div", { class: "field" }, label, this.#reason));
  }

  #group(key, buttons, ...before) {
    const row = make("div", { class: "choices" }, ...buttons);
    return make("fieldset", {}, make("legend", {}, this.#say(key)), ...before, row);
  }

  #button(key, onClick) {
    const button = make("button", { type: "button", class: "quiet-button" }, this.#say(key));
    button.addEventListener("click", onClick);
    return button;
  }

  #act(key, fields) {
    return this.#button(key, async () => {
      try {
        await this.#send("moderate", fields.action === "ban" ? { ...fields, reason: this.#reason.value.trim() } : fields);
        this.element.close();
      } catch (error) {
        this.#status.textContent = this.#sayError(error);
      }
    });
  }

  #askToMakeOwner() {
    this.#ask("makeOwner", () => this.#send("moderate", { action: "role", role: "owner" }));
  }

  #askToDelete() {
    this.#ask("deleteAll", () => this.#send("delete-messages", {}));
  }

  /** The question of this key, in place of the dialog: its closing returns the focus, and so does that of the question. */
  #ask(key, run) {
    this.element.close();
    const title = this.#say(`${key}Title`, { name: this.#member.user.username });
    const { say } = this.#context.configuration;
    const sayError = (error) => this.#sayError(error);
    openQuestion(this.#near, { say, sayError }, { title, text: say(`${key}Text`), yes: say(key), run });
  }

  #send(type, fields) {
    const { client, configuration, roomId } = this.#context;
    return client.send(type, { roomId, username: configuration.reference(this.#member.user), ...fields });
  }

  #say(key, values) {
    return this.#context.configuration.say(key, values);
  }

  #sayError(error) {
    return error.code === "conflict" ? this.#say("lastOwner") : this.#context.configuration.sayError(error);
  }
}
