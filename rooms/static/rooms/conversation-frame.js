/** The elements of a conversation, with its texts and without its contents. */

import { icon, make } from "./dom.js";
import { pinsButton } from "./pins.js";

const CLIP = "M20 11.5 12 19.5a5 5 0 0 1-7-7l8.5-8.5a3.3 3.3 0 0 1 4.7 4.7L9.8 17a1.7 1.7 0 0 1-2.4-2.4l7.6-7.5";
const SEND = "M4 12 20 4l-4.5 16-4-6.5zm7.5 1.5L20 4";

/** A section to be put into a shadow root. Slots `head-start` and `head-end` are for what the page has in the head. */
export function conversationFrame({ language, say, maxFileBytes }) {
  const attributes = { class: "chat-room", lang: language, "aria-labelledby": "room-title", hidden: true };
  return make("section", attributes, strip(say), head(say), logFrame(say), composer(say, Boolean(maxFileBytes)));
}

function strip(say) {
  return make(
    "div",
    { class: "strip", id: "strip", part: "connection", role: "status", hidden: true },
    make("span"),
    make("button", { type: "button", class: "quiet-button", hidden: true }, say("tryNow")),
    make("a", { hidden: true }, say("signIn")),
  );
}

function head(say) {
  const title = make("div", { id: "room-title", role: "heading", "aria-level": "2", dir: "auto" });
  const heading = make("div", { class: "room-heading" }, title, make("p", { id: "room-members" }));
  const slot = (name) => make("slot", { name });
  return make("header", { class: "room-head", part: "head" }, slot("head-start"), heading, pinsButton(say), slot("head-end"));
}

function logFrame(say) {
  const live = { role: "log", "aria-live": "polite", "aria-label": say("messages"), tabindex: "0" };
  return make(
    "div",
    { class: "log-frame" },
    make("div", { class: "log", id: "log", part: "log", ...live }, make("p", { class: "beginning", id: "beginning" })),
    make("p", { class: "refusal", id: "refusal", role: "alert", hidden: true }),
    make("button", { type: "button", class: "jump", id: "jump", hidden: true }),
  );
}

function composer(say, takesFiles) {
  const describedBy = { "aria-describedby": "composer-state composer-help composer-count" };
  return make(
    "form",
    { class: takesFiles ? "composer with-files" : "composer", id: "composer", part: "composer" },
    make("p", { class: "composer-state", id: "composer-state", role: "status", hidden: true }),
    make("ul", { class: "commands", id: "commands", "aria-label": say("commands"), hidden: true }),
    make("p", { class: "answering", id: "answering", role: "status", hidden: true }),
    make("ul", { class: "chosen-files", id: "chosen-files", hidden: true }),
    make("p", { class: "files-state", id: "files-state", role: "status" }),
    ...(takesFiles ? chooser(say) : []),
    make("label", { class: "visually-hidden", for: "composer-input", id: "composer-label" }),
    make("textarea", { id: "composer-input", rows: "1", dir: "auto", enterkeyhint: "send", ...describedBy }),
    make(
      "button",
      { class: "button send", id: "send", title: say("send") },
      make("span", { class: "visually-hidden" }, say("send")),
      icon(SEND),
    ),
    make(
      "p",
      { class: "composer-foot" },
      make("span", { id: "typing", role: "status" }),
      make("span", { id: "composer-help" }, say("composerHelp")),
      make("span", { id: "composer-count", role: "status" }),
    ),
  );
}

function chooser(say) {
  const label = make("span", { class: "visually-hidden" }, say("attach"));
  return [
    make("input", { type: "file", id: "file-chooser", multiple: true, hidden: true, tabindex: "-1" }),
    make("button", { type: "button", class: "icon-button attach", id: "attach", title: say("attach") }, label, icon(CLIP)),
  ];
}
