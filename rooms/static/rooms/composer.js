/** The composer: Enter sends, each room keeps its draft, and a counter warns before the limit. */

import { recall, remember } from "./tab-storage.js";
import { Uploads } from "./uploads.js";

const WARN_FROM = 0.9; // of the limit

export class Composer {
  #byId;
  #configuration;
  #input;
  #room = null;
  #onSend;
  #isBarred = false; // one may not write here now
  #isHeld = false; // one may, but not send yet
  #onTyping;
  #onChange;
  #files;

  /**
   * `onSend(content, files)` is called with what is to be sent, `onTyping(isText)` when the reader changes the text, and
   * `onChange(text)` whenever it is another one.
   */
  constructor({ byId, configuration, onSend, onTyping, onChange }) {
    this.#onChange = onChange;
    this.#byId = byId;
    this.#configuration = configuration;
    this.#input = byId("composer-input");
    this.#onSend = onSend;
    this.#onTyping = onTyping;
    this.#files = new Uploads({ byId, configuration, onChange: () => this.#offerSending() });
    byId("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#input.addEventListener("input", () => {
      this.#changed();
      this.#onTyping(this.#input.value.trim() !== "");
    });
    this.#input.addEventListener("keydown", (event) => {
      // While an input method is composing (for Chinese, say), Enter picks a candidate and sends nothing.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      event.preventDefault();
      this.#send();
    });
  }

  /** Switches to this room, and restores its draft. */
  show(name, label) {
    this.#room = name;
    this.#input.value = recall(this.#configuration.me, `draft.${name}`, "");
    const text = this.#configuration.say("messageTo", { room: label });
    this.#input.placeholder = text;
    this.#byId("composer-label").textContent = text;
    this.#files.show(name);
    this.#changed();
  }

  /** Puts a text before the draft, and files before those that are chosen. */
  takeBack(content, files = []) {
    this.#files.takeBack(files);
    this.#input.value = [content, this.#input.value].filter(Boolean).join("\n");
    this.#changed();
    this.focus();
  }

  /** Puts a text in place of the draft. */
  replace(content) {
    this.#input.value = content;
    this.#changed();
    this.focus();
  }

  focus() {
    this.#input.focus({ preventScroll: true });
  }

  #send() {
    const content = this.#input.value;
    if (!this.#isSendable(content)) return;
    this.#input.value = "";
    this.#changed();
    this.#onSend(content, this.#files.take());
    this.focus();
  }

  /** With `isBarred` nothing can be written, with `isHeld` not sent yet; the draft stays. */
  permit({ isBarred, isHeld }) {
    [this.#isBarred, this.#isHeld] = [isBarred, isHeld];
    this.#input.readOnly = isBarred;
    this.#offerSending();
  }

  #offerSending() {
    this.#byId("send").disabled = !this.#isSendable(this.#input.value);
  }

  #isSendable(content) {
    const { maxContentChars } = this.#configuration;
    if (this.#isBarred || this.#isHeld) return false;
    if (!this.#files.isReady || (content.trim() === "" && this.#files.isEmpty)) return false;
    return !(maxContentChars && [...content].length > maxContentChars);
  }

  #changed() {
    const { value } = this.#input;
    remember(this.#configuration.me, `draft.${this.#room}`, value);
    this.#offerSending();
    this.#count([...value].length);
    this.fit();
    this.#onChange(value);
  }

  /** Makes the field as high as its text; needed after it was hidden too. */
  fit() {
    const { style } = this.#input;
    style.height = "auto";
    if (this.#input.scrollHeight) style.height = `${this.#input.scrollHeight + 2}px`; // and its two borders
  }

  #count(length) {
    const { maxContentChars, say } = this.#configuration;
    const left = maxContentChars - length;
    const over = Boolean(maxContentChars) && left < 0;
    const near = Boolean(maxContentChars) && length >= maxContentChars * WARN_FROM;
    const text = over ? say("charactersOver", { count: -left }) : say("charactersLeft", { count: left });
    this.#byId("composer-count").textContent = near ? text : "";
    this.#byId("composer-count").classList.toggle("over", over);
    this.#input.ariaInvalid = String(over);
  }
}
