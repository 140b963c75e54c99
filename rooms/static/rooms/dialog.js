/** Modal dialogs, of the element as of the page: each stands in what it belongs to, and so looks like it. */

import { make } from "./dom.js";

let opened = 0;

/** Opens a dialog with these contents; `near` is an element of what it belongs to. It is gone once closed. */
export function openDialog(near, title, ...children) {
  const id = `dialog-title-${++opened}`;
  const dialog = make("dialog", { class: "dialog", "aria-labelledby": id }, make("h2", { id }, title), ...children);
  dialog.addEventListener("close", () => dialog.remove());
  (near.closest(".chat-room") ?? document.body).append(dialog);
  dialog.showModal();
  return dialog;
}

/** Says something, with a button that closes it. */
export function openNotice(near, { title, text, close }) {
  const button = make("button", { type: "button", class: "button" }, close);
  const dialog = openDialog(near, title, make("p", {}, text), button);
  button.addEventListener("click", () => dialog.close());
}

/** Asks before what cannot be taken back; `run()` does it, and a refusal is shown. */
export function openQuestion(near, { say, sayError }, { title, text, yes, run }) {
  const status = make("p", { class: "dialog-status", role: "status" });
  const confirm = make("button", { type: "button", class: "button danger" }, yes);
  const cancel = make("button", { type: "button", class: "quiet-button" }, say("cancel"));
  const buttons = make("div", { class: "dialog-buttons" }, cancel, confirm);
  const dialog = openDialog(near, title, make("p", {}, text), status, buttons);
  cancel.addEventListener("click", () => dialog.close());
  confirm.addEventListener("click", async () => {
    confirm.disabled = true;
    try {
      await run();
      dialog.close();
    } catch (error) {
      status.textContent = sayError(error);
      confirm.disabled = false;
    }
  });
  return dialog;
}
