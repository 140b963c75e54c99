/** Whom the reader has blocked: the same on all pages and devices. Their messages are folded, and they do not learn of it. */

import { openNotice } from "./dialog.js";

const DELETED_USER = "0";

export class Blocks {
  users = []; // in the order in which they were blocked
  #ids = new Set();
  #client;
  #configuration;

  /** `onChange()` is called when somebody is blocked or not any more. */
  constructor({ client, configuration, onChange }) {
    this.#client = client;
    this.#configuration = configuration;
    client.on("blocks", ({ users }) => {
      this.users = users;
      this.#ids = new Set(users.map(({ id }) => id));
      onChange();
    });
    client.on("state", ({ state }) => {
      if (state === "ready") client.send("get-blocks").catch(() => {}); // before the rooms that wait to be joined
    });
  }

  has(userId) {
    return this.#ids.has(userId);
  }

  /** Whether one can block this user at all. */
  concerns({ id }) {
    return id !== this.#configuration.me.id && id !== DELETED_USER;
  }

  /** What the button says that changes it. */
  label(user) {
    return this.#configuration.say(this.has(user.id) ? "unblock" : "block", { name: user.username });
  }

  /** Blocks a user, or lets go; a refusal is shown beside the element `near`. */
  async toggle(user, near) {
    const { say, sayError, reference } = this.#configuration;
    const title = this.label(user);
    try {
      await this.#client.send("block-user", { username: reference(user), on: !this.has(user.id) });
    } catch (error) {
      openNotice(near, { title, text: sayError(error), close: say("close") });
    }
  }
}

/** The action of a message. */
export function blockAction({ blocks }) {
  return {
    label: ({ user }) => blocks.label(user),
    when: ({ user }) => blocks.concerns(user),
    run: ({ user }, near) => blocks.toggle(user, near),
  };
}
