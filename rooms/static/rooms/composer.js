/** The composer: Enter sends, each room keeps its draft, and a counter warns before the limit. */

import { byId, maxContentChars, recall, remember, say } from "./page.js";

const WARN_FROM = 0.9; // of the limit

export class Composer {
  #input = byId("composer-input");
  #room = null;
  #onSend;

  /** `onSend(content)` is called with what is to be sent. */
  constructor({ onSend }) {
    this.#onSend = onSend;
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#input.addEventListener("input", () => this.#changed());
    this.#input.addEventListener("keydown", (event) => {
      // While an input method is composing (for Chinese, say), Enter picks a candidate and sends nothing.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.#send();
    });
  }

  /** Switches to this room, and restores its draft. */
  show(name) {
    this.#room = name;
    this.#input.value = recall(`draft.${name}`, "");
    const label = say("messageTo", { room: name });
    this.#input.placeholder = label;
    byId("composer-label").textContent = label;
    this.#changed();
  }

  focus() {
    this.#input.focus({ preventScroll: true });
  }

  #send() {
    const content = this.#input.value;
    if (!this.#isSendable(content)) return;
    this.#input.value = "";
    this.#changed();
    this.#onSend(content);
    this.focus();
  }

  #isSendable(content) {
    return content.trim() !== "" && !(maxContentChars && [...content].length > maxContentChars);
  }

  #changed() {
    const { value, style } = this.#input;
    remember(`draft.${this.#room}`, value);
    byId("send").disabled = !this.#isSendable(value);
    this.#count([...value].length);
    style.height = "auto";
    style.height = `${this.#input.scrollHeight + 2}px`; // and its two borders
  }

  #count(length) {
    const left = maxContentChars - length;
    const over = Boolean(maxContentChars) && left < 0;
    const near = Boolean(maxContentChars) && length >= maxContentChars * WARN_FROM;
    const text = over ? say("charactersOver", { count: -left }) : say("charactersLeft", { count: left });
    byId("composer-count").textContent = near ? text : "";
    byId("composer-count").classList.toggle("over", over);
    this.#input.ariaInvalid = String(over);
  }
}
