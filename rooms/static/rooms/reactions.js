/** Reactions to a message: below it each emoji with its number, a button that joins in or takes one's own away. */

import { openDialog, openNotice } from "./dialog.js";
import { make } from "./dom.js";

const OFFERED = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "👀"];
const LISTED = 50; // the server names the first people of each emoji

/** The reactions of a message after one more: each emoji stands where it was first used. */
export function withReaction(reactions = [], { emoji, user, on, count }) {
  const kind = reactions.find((one) => one.emoji === emoji) ?? { emoji, users: [] };
  const others = kind.users.filter(({ id }) => id !== user.id);
  const users = on && others.length < LISTED ? [...others, user] : others;
  const changed = reactions.map((one) => (one.emoji === emoji ? { emoji, count, users } : one));
  if (!reactions.includes(kind)) changed.push({ emoji, count, users });
  return changed.filter((one) => one.count > 0);
}

/** The action of a message. */
export function reactAction({ client, configuration }) {
  const { say } = configuration;
  return {
    label: () => say("react"),
    when: () => true,
    run: (message, near) => {
      const buttons = OFFERED.map((emoji) => {
        const button = make("button", { type: "button", class: "reaction" }, emoji);
        button.addEventListener("click", () => {
          dialog.close();
          react(message, { emoji, on: true }, near, { client, configuration });
        });
        return button;
      });
      const cancel = make("button", { type: "button", class: "quiet-button" }, say("cancel"));
      cancel.addEventListener("click", () => dialog.close());
      const dialog = openDialog(near, say("reactTitle"), make("p", { class: "reactions" }, ...buttons), cancel);
    },
  };
}

/** The emojis of a message as one element; none when there are none. */
export function reactionNodes(message, { client, configuration }) {
  const { me, say, sayName } = configuration;
  const buttons = (message.reactions ?? []).map(({ emoji, count, users }) => {
    const isMine = users.some(({ id }) => id === me.id);
    const button = make("button", { type: "button", class: "reaction", "aria-pressed": String(isMine) }, `${emoji} ${count}`);
    button.title = users.map(sayName).join(", ");
    button.addEventListener("click", () => react(message, { emoji, on: !isMine }, button, { client, configuration }));
    return button;
  });
  return buttons.length ? [make("p", { class: "reactions", role: "group", "aria-label": say("reactions") }, ...buttons)] : [];
}

async function react({ roomId, messageId }, fields, near, { client, configuration }) {
  const { say, sayError } = configuration;
  try {
    await client.send("react", { roomId, messageId, ...fields });
  } catch (error) {
    openNotice(near, { title: say("react"), text: sayError(error), close: say("close") });
  }
}
