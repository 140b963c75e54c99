/** What a room itself says when it was changed: the text of a message of the kind `system`, by its event. */

import { sayDuration } from "./room-settings.js";

const TEXTS = {
  "member-added": () => "systemAdded",
  "member-joined": () => "systemJoined",
  "member-left": () => "systemLeft",
  "member-removed": () => "systemRemoved",
  "message-pinned": () => "systemPinned",
  "role-changed": ({ role }) => ({ owner: "systemOwner", moderator: "systemModerator" })[role] ?? "systemMember",
};
// Each setting that may have changed, and what is said of its new value.
const SETTINGS = {
  title: (title) => (title ? "systemTitle" : "systemNoTitle"),
  topic: (topic) => (topic ? "systemTopic" : "systemNoTopic"),
  slowModeS: (slowModeS) => (slowModeS ? "systemSlow" : "systemNotSlow"),
  locked: (locked) => (locked ? "systemLocked" : "systemUnlocked"),
  closed: (closed) => (closed ? "systemClosed" : "systemReopened"),
  history: (history) => (history === "all" ? "systemHistoryAll" : "systemHistoryJoined"),
};

export const isSystem = ({ kind }) => kind === "system";

/** The sentence, or several when several settings were changed at once. */
export function systemText({ user, event }, { say, sayName, language }) {
  const values = {
    ...event,
    name: event.site ? say("theSite") : sayName(user),
    user: event.user ? sayName(event.user) : "",
    time: event.slowModeS ? sayDuration(event.slowModeS, language) : "",
  };
  return keysOf(event).map((key) => say(key, values)).join(" ");
}

function keysOf(event) {
  const key = TEXTS[event.name]?.(event);
  const changed = Object.entries(SETTINGS).filter(([name]) => event.name === "room-updated" && name in event);
  const keys = key ? [key] : changed.map(([name, keyOf]) => keyOf(event[name]));
  return keys.length ? keys : ["systemOther"]; // of a newer server
}

/** The same message with another name of a user in it. */
export function renamedIn(message, id, shown) {
  const { user, event } = message;
  const person = event.user?.id === id ? { user: shown } : {};
  return { ...message, user: user.id === id ? shown : user, event: { ...event, ...person } };
}
