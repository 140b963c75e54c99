/**
 * <chat-room room="general" config="/chat/config/">: a whole conversation in an element, for any page.
 *
 * Its attributes, events and CSS variables are in docs/element.md. All elements of a page share one connection.
 */

import { Composer } from "./composer.js";
import { configurationOfPage } from "./configuration.js";
import { ConnectionState } from "./connection-state.js";
import { conversationFrame } from "./conversation-frame.js";
import { Conversation } from "./conversation.js";
import { make } from "./dom.js";
import { MemberNames, MentionChoices } from "./mention-choices.js";
import { openPins } from "./pins.js";
import { Answering } from "./replies.js";
import { SharedChat } from "./shared-chat.js";
import { CommandHints } from "./slash-commands.js";
import { isSystem } from "./system-messages.js";
import { Writing } from "./writing.js";

const THEMES = new Set(["light", "dark"]);

class ChatRoom extends HTMLElement {
  static observedAttributes = ["room", "label", "link", "config", "theme", "heading-level"];
  #root = this.attachShadow({ mode: "open" });
  #running = null; // an AbortController, as long as the element is on a page
  #chat = null;
  #configuration = null;
  #conversation = null;
  #composer = null;
  #writing = null;
  #answering = null;
  #room = null; // the JoinedRoom that is shown
  #styled = Promise.resolve();

  /** The connection that all elements share: a ChatClient, or null as long as the configuration is not there. */
  get client() {
    return this.#chat?.client ?? null;
  }

  /** Puts the cursor into the composer. */
  async focus() {
    await this.#styled; // nothing that is hidden can have the focus
    this.#composer?.focus();
  }

  connectedCallback() {
    if (!this.#running) this.#start();
  }

  disconnectedCallback() {
    queueMicrotask(() => this.isConnected || this.#stop()); // one that is moved is removed and added at once
  }

  attributeChangedCallback(name, before, after) {
    if (!this.#running) return;
    if (name === "room" || name === "label" || name === "link") this.#show();
    else if (name !== "config") this.#paintFrame();
    else if (before !== after) {
      this.#stop();
      this.#start();
    }
  }

  // --- From the first moment on a page to the last -------------------------------------------------------------------

  async #start() {
    const running = new AbortController();
    this.#running = running;
    try {
      const address = this.getAttribute("config");
      const configuration = address === null ? configurationOfPage() : await fetchConfiguration(address);
      if (!running.signal.aborted) this.#open(configuration, running.signal);
    } catch (error) {
      if (error.name !== "NotSignedIn") throw error;
      if (!running.signal.aborted) this.#askToSignIn(error);
    }
  }

  #open(configuration, signal) {
    this.#configuration = configuration;
    this.#chat = SharedChat.open(configuration);
    this.#build();
    this.#followTheme(signal);
    this.#listen(signal);
    this.#show();
  }

  #stop() {
    this.#running?.abort();
    this.#running = null;
    this.#conversation?.show(null);
    this.#writing?.show(null);
    this.#chat?.forget(this.#conversation);
    this.#chat?.close();
    this.#chat = this.#conversation = this.#composer = this.#writing = this.#room = null;
    this.#root.replaceChildren();
  }

  // --- What is seen --------------------------------------------------------------------------------------------------

  #build() {
    const { say, urls } = this.#configuration;
    const frame = conversationFrame(this.#configuration);
    this.#fill(frame, urls.style);
    const byId = (id) => this.#root.getElementById(id);
    this.#conversation = new Conversation({
      byId,
      say,
      onOlder: (room, log) => this.#chat.loadOlder(room, log),
      onPaint: (room) => this.#writing.show(room),
      onTakeBack: (content, files) => this.#composer.takeBack(content, files),
      onSeen: (room, seq) => this.#chat.reading.seen(room, seq),
    });
    const tools = { client: this.#chat.client, configuration: this.#configuration };
    const onChoose = (text) => this.#composer.replace(text);
    const hints = new CommandHints({ place: byId("commands"), onChoose, ...tools });
    this.#composer = new Composer({
      byId,
      configuration: this.#configuration,
      onSend: (content, files) => this.#post(content, files),
      onTyping: (isText) => this.#chat.typing.changed(this.#room, isText),
      onChange: (text) => this.#room && hints.show(this.#room.name, text),
    });
    const names = new MemberNames(this.#chat.client, this.#configuration);
    new MentionChoices({ input: byId("composer-input"), say, members: () => names.of(this.#room) });
    this.#writing = new Writing({ byId, configuration: this.#configuration, composer: this.#composer });
    const onChange = () => this.#composer.focus();
    this.#answering = new Answering({ strip: byId("answering"), configuration: this.#configuration, onChange });
    byId("log").addEventListener("reply", ({ detail }) => this.#answering.begin(detail));
    byId("pins").addEventListener("click", () => this.#room?.joined && openPins(byId("pins"), this.#room, tools));
    byId("strip").querySelector("a").href = signInAddress(urls.signIn);
  }

  #askToSignIn({ message, urls }) {
    const link = make("a", { class: "button", href: signInAddress(urls.signIn) }, message);
    this.#fill(make("section", { class: "chat-room sign-in", hidden: true }, link), urls.style);
  }

  /** Shows the frame when its style is there, or is known not to come. */
  #fill(frame, style) {
    const link = make("link", { rel: "stylesheet", href: style });
    this.#styled = new Promise((resolve) => (link.onload = link.onerror = resolve)).then(() => {
      frame.hidden = false;
      this.#composer?.fit();
    });
    this.#root.replaceChildren(link, frame);
    this.#paintFrame();
  }

  /** Light or dark, by the nearest `theme` or `data-theme`, else the system's choice; and the level of the heading. */
  #paintFrame() {
    const theme = this.getAttribute("theme") ?? this.closest("[data-theme]")?.dataset.theme;
    const frame = this.#root.querySelector(".chat-room");
    if (!frame) return;
    frame.dataset.theme = THEMES.has(theme) ? theme : "";
    const heading = frame.querySelector("[role=heading]");
    if (heading) heading.ariaLevel = this.getAttribute("heading-level") ?? "2";
  }

  #followTheme(signal) {
    const observer = new MutationObserver(() => this.#paintFrame());
    observer.observe(document, { attributeFilter: ["data-theme"], subtree: true });
    signal.addEventListener("abort", () => observer.disconnect());
  }

  // --- The room ------------------------------------------------------------------------------------------------------

  #show() {
    const [chat, before] = [this.#chat, this.#room];
    if (!chat) return;
    const name = this.getAttribute("room")?.normalize("NFC");
    const label = this.getAttribute("label") || name;
    this.#room = name ? chat.hold(name, this.#conversation) : null;
    if (this.#room && this.#room !== before) this.#chat.reading.begin(this.#room);
    this.#conversation.show(this.#room, label, webAddress(this.getAttribute("link")));
    if (before && before !== this.#room) chat.release(before, this.#conversation);
    this.#answering.take();
    if (name) this.#composer.show(name, label);
  }

  #post(content, attachments) {
    this.#chat.typing.posted(this.#room);
    this.#chat.post(this.#room, this.#conversation, { content, attachments, answered: this.#answering.take() });
    this.#conversation.follow();
  }

  #listen(signal) {
    const { client } = this.#chat;
    const strip = this.#root.getElementById("strip");
    const state = new ConnectionState({ configuration: this.#configuration, strip, onRetry: () => client.connect() });
    const on = (type, handle) => signal.addEventListener("abort", client.on(type, handle));
    const received = (frame) => {
      if (isSystem(frame)) return;
      const isOwn = frame.user.id === this.#configuration.me.id;
      if (frame.roomId === this.#room?.name) this.#emit("chat-message", { ...frame, isOwn });
    };
    on("chat-message", received);
    on("room-message", received);
    on("notification", ({ event, data }) => this.#emit("chat-notification", { event, data }));
    const refused = ({ detail: { room, error } }) => {
      const { code, message } = error;
      if (room === this.#room) this.#emit("chat-refused", { roomId: room.name, code, message });
    };
    this.#chat.addEventListener("refused", refused, { signal });
    on("state", (frame) => {
      state.show(frame);
      this.#emit("chat-state", frame);
    });
    document.addEventListener("visibilitychange", () => this.#conversation.see(), { signal });
    signal.addEventListener("abort", () => state.hide());
    if (client.state !== "idle") state.show(client);
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

/** A page that brings its configuration never loads what fetches one. */
async function fetchConfiguration(address) {
  const { configurationAt } = await import("./fetched-configuration.js");
  return configurationAt(address);
}

/** A link's address, if it leads to a page and is no script. */
function webAddress(link) {
  if (!link || !URL.canParse(link, document.baseURI)) return null;
  const { protocol, href } = new URL(link, document.baseURI);
  return ["http:", "https:"].includes(protocol) ? href : null;
}

/** The page to sign in on, which leads back here. */
function signInAddress(address) {
  const url = new URL(address, location.href);
  url.searchParams.set("next", location.pathname + location.search);
  return url.href;
}

if (!customElements.get("chat-room")) customElements.define("chat-room", ChatRoom);
