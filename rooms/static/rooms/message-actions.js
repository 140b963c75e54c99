/**
 * What one can do with a message: a button beside it opens the actions.
 *
 * A feature has a function in ACTIONS. It gets the SharedChat, and answers {label(message), when(message),
 * run(message, near)}: what the button says, whether there is one, and what it does. `message` is the frame,
 * `near` the element to which the focus returns.
 */

import { blockAction } from "./blocks.js";
import { deletionAction } from "./deletions.js";
import { make } from "./dom.js";
import { editAction } from "./edits.js";
import { pinAction } from "./pins.js";
import { reactAction } from "./reactions.js";
import { unreadAction } from "./reading.js";
import { replyAction } from "./replies.js";
import { reportAction } from "./reports.js";

const ACTIONS = [
  replyAction, reactAction, editAction, pinAction, deletionAction, reportAction, blockAction, unreadAction,
];

export class MessageActions {
  #say;
  #actions;

  constructor(chat) {
    this.#say = chat.configuration.say;
    this.#actions = ACTIONS.map((make) => make(chat));
  }

  /** The button of a message with its actions, as nodes: none when there is nothing to do. */
  nodes(message) {
    if (!this.#possible(message).length) return [];
    const label = this.#say("actions");
    const toggle = make("button", { type: "button", class: "actions-toggle", "aria-expanded": "false", title: label }, "⋯");
    toggle.ariaLabel = label;
    const holder = make("div", { class: "actions" }, toggle);
    toggle.addEventListener("click", () => {
      if (holder.childElementCount > 1) close(holder);
      else this.#open(holder, toggle, message);
    });
    holder.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || holder.childElementCount === 1) return;
      event.stopPropagation();
      toggle.focus(); // before the button that has the focus is gone
      close(holder);
    });
    holder.addEventListener("focusout", ({ relatedTarget }) => holder.contains(relatedTarget) || close(holder));
    return [holder];
  }

  #possible(message) {
    return this.#actions.filter(({ when }) => when(message));
  }

  #open(holder, toggle, message) {
    const buttons = this.#possible(message).map(({ label, run }) => {
      const button = make("button", { type: "button", class: "quiet-button" }, label(message));
      button.addEventListener("click", () => {
        toggle.focus(); // what opens now returns the focus to it
        close(holder);
        run(message, toggle);
      });
      return button;
    });
    holder.prepend(make("div", { class: "actions-list", role: "group", "aria-label": toggle.ariaLabel }, ...buttons));
    toggle.ariaExpanded = "true";
    buttons[0].focus();
  }
}

function close(holder) {
  holder.querySelector(".actions-list")?.remove();
  holder.querySelector(".actions-toggle").ariaExpanded = "false";
}
