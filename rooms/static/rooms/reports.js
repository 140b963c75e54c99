/** Reporting a message or a person to the moderators: asks for the reason in a dialog, and says what became of it. */

import { openDialog } from "./dialog.js";
import { make } from "./dom.js";

const MAX_REASON_CHARS = 500;

/** The action of a message. */
export function reportAction({ client, configuration }) {
  const { me, say } = configuration;
  return {
    label: () => say("report"),
    when: ({ user }) => user.id !== me.id,
    run: ({ roomId, messageId }, near) =>
      askForReason(near, configuration, say("reportTitle"), (reason) =>
        client.send("report-message", { roomId, messageId, reason }),
      ),
  };
}

/** Reports a person, for what happened in a room if there is one; `near` is what the focus returns to. */
export function reportPerson(near, user, roomId, { client, configuration }) {
  const title = configuration.say("reportPerson", { name: user.username });
  const username = configuration.reference(user);
  askForReason(near, configuration, title, (reason) => client.send("report-user", { username, roomId, reason }));
}

/** `send(reason)` resolves when the server has the report. */
function askForReason(near, { say, sayError }, title, send) {
  const reason = make("textarea", { id: "report-reason", rows: "3", maxlength: String(MAX_REASON_CHARS), dir: "auto" });
  const status = make("p", { class: "dialog-status", role: "status" });
  const submit = make("button", { class: "button" }, say("report"));
  const cancel = make("button", { type: "button", class: "quiet-button" }, say("cancel"));
  const fields = make("div", { class: "field" }, make("label", { for: "report-reason" }, say("reportReason")), reason);
  const form = make("form", {}, fields, status, make("div", { class: "dialog-buttons" }, cancel, submit));
  const dialog = openDialog(near, title, form);
  cancel.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      await send(reason.value);
      status.textContent = say("reported");
      fields.hidden = submit.hidden = true;
      cancel.textContent = say("close");
      cancel.focus();
    } catch (error) {
      status.textContent = sayError(error);
      submit.disabled = false;
    }
  });
}
