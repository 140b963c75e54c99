/** Editing one's own message in a dialog, as long as the server takes edits of it. */

import { openDialog } from "./dialog.js";
import { make } from "./dom.js";

/** The action of a message. */
export function editAction({ client, configuration }) {
  const { me, say, editWindowS } = configuration;
  const isOpen = ({ timestamp }) => editWindowS === null || Date.now() - new Date(timestamp) < editWindowS * 1000;
  return {
    label: () => say("edit"),
    when: (message) => message.user.id === me.id && isOpen(message),
    run: (message, near) => openEditor(message, near, { client, configuration }),
  };
}

/** What somebody else does to the message meanwhile is not overwritten unasked. */
function openEditor({ roomId, messageId, content, changedSeq, seq }, near, { client, configuration }) {
  const { say, sayError } = configuration;
  const text = make("textarea", { id: "edit-text", rows: "4", dir: "auto" });
  const status = make("p", { class: "dialog-status", role: "status" });
  const save = make("button", { class: "button" }, say("save"));
  const cancel = make("button", { type: "button", class: "quiet-button" }, say("cancel"));
  const field = make("div", { class: "field" }, make("label", { for: "edit-text" }, say("messageText")), text);
  const form = make("form", {}, field, status, make("div", { class: "dialog-buttons" }, cancel, save));
  const dialog = openDialog(near, say("editTitle"), form);
  let ifChangedSeq = changedSeq ?? seq;
  text.value = content;
  cancel.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    save.disabled = true;
    try {
      await client.send("edit-message", { roomId, messageId, content: text.value, ifChangedSeq });
      dialog.close();
    } catch (error) {
      ifChangedSeq = error.current?.changedSeq ?? ifChangedSeq;
      status.textContent = error.current ? say("editedElsewhere") : sayError(error);
      save.disabled = false;
    }
  });
}
