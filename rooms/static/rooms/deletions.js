/** Deleting a message: one's own, or as a moderator anybody's. */

import { openQuestion } from "./dialog.js";
import { MODERATOR } from "./ranks.js";

/** The action of a message. */
export function deletionAction({ client, configuration, rooms }) {
  const { me, say } = configuration;
  return {
    label: () => say("delete"),
    when: ({ roomId, user }) => user.id === me.id || (rooms.get(roomId)?.rank ?? 0) >= MODERATOR,
    run: ({ roomId, messageId }, near) =>
      openQuestion(near, configuration, {
        title: say("deleteTitle"),
        text: say("deleteText"),
        yes: say("delete"),
        run: () => client.send("delete-message", { roomId, messageId }),
      }),
  };
}
