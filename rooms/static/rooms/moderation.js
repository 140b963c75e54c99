/** What a moderator does about a member of the open room: a dialog with what there is to do, and one question before deletions. */

import { openDialog, openQuestion } from "./dialog.js";
import { make } from "./dom.js";
import { MODERATOR, OWNER, rankOf } from "./ranks.js";

const [HOUR, DAY] = [60, 24 * 60]; // minutes
const MUTES = { muteTenMinutes: 10, muteHour: HOUR, muteDay: DAY };
const BANS = { banDay: DAY, banMonth: 30 * DAY };
const ROLES = { member: "makeMember", moderator: "makeModerator", owner: "makeOwner" };
const MAX_REASON_CHARS = 500;

/** Whether one with this rank acts on a member: nobody does on themselves, nor on an equal or a higher rank. */
export const mayModerate = (rank, { user, role }, me) =>
  rank >= MODERATOR && user.id !== me.id && rankOf(role) < rank;

/** Opens what there is to do about a member; `context` is {client, configuration, roomId, rank}. Answers the dialog. */
export function openModeration(near, member, context) {
  return new MemberDialog(near, member, context).element;
}

class MemberDialog {
  #near;
  #member;
  #context;
  #dialog;
  #reason;
  #status = make("p", { class: "dialog-status", role: "status" });

  constructor(near, member, context) {
    [this.#near, this.#member, this.#context] = [near, member, context];
    const close = this.#button("close", () => this.#dialog.close());
    this.#dialog = openDialog(
      near,
      this.#say("moderateTitle", { name: member.user.username }),
      ...this.#groups(),
      this.#status,
      make("div", { class: "dialog-buttons" }, close),
    );
  }

  get element() {
    return this.#dialog;
  }

  #groups() {
    const { mutedUntil, bannedUntil, role } = this.#member;
    const isMember = role !== undefined && role !== "none";
    const groups = [this.#group("muting", mutedUntil ? [this.#act("unmute", { action: "unmute" })] : this.#mutes())];
    if (isMember && this.#context.rank >= OWNER) groups.push(this.#group("role", this.#roles()));
    groups.push(bannedUntil ? this.#group("banning", [this.#act("unban", { action: "unban" })]) : this.#bans());
    const removal = this.#act("removeMember", { action: "remove" });
    const kick = this.#act("kick", { action: "kick" });
    const deletion = this.#button("deleteAll", () => this.#askToDelete());
    groups.push(this.#group("removal", [kick, ...(isMember ? [removal] : []), deletion]));
    return groups;
  }

  #mutes() {
    return Object.entries(MUTES).map(([key, minutes]) => this.#act(key, { action: "mute", minutes }));
  }

  #roles() {
    const others = Object.entries(ROLES).filter(([role]) => role !== this.#member.role);
    return others.map(([role, key]) => this.#act(key, { action: "role", role }));
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
      const reason = fields.action === "ban" ? { reason: this.#reason.value.trim() } : {};
      try {
        await this.#send("moderate", { ...fields, ...reason });
        this.#dialog.close();
      } catch (error) {
        this.#status.textContent = error.code === "conflict" ? this.#say("lastOwner") : this.#context.configuration.sayError(error);
      }
    });
  }

  #askToDelete() {
    const name = this.#member.user.username;
    this.#dialog.close(); // the focus is on what opened it, to which the question returns it
    openQuestion(this.#near, {
      title: this.#say("deleteAllTitle", { name }),
      text: this.#say("deleteAllText"),
      yes: this.#say("deleteAll"),
      no: this.#say("cancel"),
      sayError: this.#context.configuration.sayError,
      run: () => this.#send("delete-messages", {}),
    });
  }

  #send(type, fields) {
    const { client, configuration, roomId } = this.#context;
    return client.send(type, { roomId, username: configuration.reference(this.#member.user), ...fields });
  }

  #say(key, values) {
    return this.#context.configuration.say(key, values);
  }
}
