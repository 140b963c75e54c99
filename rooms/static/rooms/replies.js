/** Answering a message: the action, what the composer says of it meanwhile, and what a message that answers one shows. */

import { make } from "./dom.js";

const EXCERPT_CHARS = 120;

/** The action of a message: the conversation in which it stands takes it from there. */
export function replyAction({ configuration }) {
  return {
    label: () => configuration.say("reply"),
    when: () => true,
    run: (message, near) => near.dispatchEvent(new CustomEvent("reply", { bubbles: true, detail: message })),
  };
}

/** What a message has of the one that it answers, by what is known of that one here. */
export function quoteOf({ messageId, replyTo, user, content, seq }) {
  return { messageId, rootId: replyTo?.rootId ?? messageId, seq, user, excerpt: excerptOf(content) };
}

export function excerptOf(content) {
  return [...content].slice(0, EXCERPT_CHARS).join("");
}

/** The element above the text of a message that answers one; none of any other. */
export function quoteNodes({ replyTo }, { say, sayName }) {
  if (!replyTo) return [];
  const { user, excerpt, deleted } = replyTo;
  const author = user ? [make("strong", {}, make("bdi", {}, sayName(user))), " "] : [];
  const gone = deleted ? "quoteDeleted" : "quoteHidden";
  const text = excerpt || say(excerpt === "" ? "quoteFile" : gone); // without a text it has a file
  return [make("p", { class: "quote" }, ...author, make("bdi", {}, text))];
}

/** The strip above the composer that says what is being answered. */
export class Answering {
  #message = null;
  #strip;
  #configuration;
  #onChange;

  /** `strip` is an empty element; `onChange()` is called when the reader begins to answer a message, or gives it up. */
  constructor({ strip, configuration, onChange }) {
    this.#strip = strip;
    this.#configuration = configuration;
    this.#onChange = onChange;
  }

  begin(message) {
    const { say, sayName } = this.#configuration;
    const cancel = make("button", { type: "button", class: "link-button" }, say("cancel"));
    cancel.addEventListener("click", () => {
      this.take();
      this.#onChange();
    });
    this.#message = message;
    this.#strip.replaceChildren(make("span", {}, say("replyingTo", { name: sayName(message.user) })), " ", cancel);
    this.#strip.hidden = false;
    this.#onChange();
  }

  /** What is being answered, which then is not any more; null if nothing is. */
  take() {
    const message = this.#message;
    this.#message = null;
    this.#strip.hidden = true;
    this.#strip.replaceChildren();
    return message;
  }
}
