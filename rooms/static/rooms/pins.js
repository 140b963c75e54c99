/** Pinned messages: the action of a message, and the list of those of a room in a dialog. */

import { isolated } from "./configuration.js";
import { openDialog, openNotice } from "./dialog.js";
import { icon, make } from "./dom.js";
import { textNodes } from "./message-text.js";
import { MODERATOR } from "./ranks.js";

const PIN = "M9 3h6l-.8 7 3.3 3.5h-11L9.8 10 9 3Zm3 10.5V21";
const PAGE = 50;

/** The action of a message. */
export function pinAction({ client, configuration, rooms }) {
  const { say, sayError } = configuration;
  return {
    label: ({ pinnedAt }) => say(pinnedAt ? "unpin" : "pin"),
    when: ({ roomId }) => mayPin(rooms.get(roomId)),
    run: async ({ roomId, messageId, pinnedAt }, near) => {
      try {
        await client.send("pin-message", { roomId, messageId, on: !pinnedAt });
      } catch (error) {
        openNotice(near, { title: say("pin"), text: sayPinError(error, say, sayError), close: say("close") });
      }
    },
  };
}

const mayPin = (room) => room && !room.closed && (room.kind === "direct" ? room.role !== null : room.rank >= MODERATOR);
const sayPinError = (error, say, sayError) => (error.code === "conflict" ? say("tooManyPins") : sayError(error));

/** The button of a room's head that opens the list. */
export function pinsButton(say) {
  const label = say("pins");
  return make("button", { type: "button", class: "icon-button", id: "pins", title: label, "aria-label": label }, icon(PIN));
}

/** Opens the list of a room's pinned messages; `room` is the JoinedRoom. */
export async function openPins(near, room, { client, configuration }) {
  const { say, sayError } = configuration;
  const status = make("p", { class: "dialog-status", role: "status" });
  const list = make("ol", { class: "pins" });
  const more = make("button", { type: "button", class: "quiet-button start", hidden: true }, say("searchMore"));
  const close = make("button", { type: "button", class: "quiet-button" }, say("close"));
  const buttons = make("div", { class: "dialog-buttons" }, more, close);
  const dialog = openDialog(near, say("pins"), status, list, buttons);
  let oldest;

  async function load() {
    more.hidden = true;
    try {
      const { messages } = await client.send("get-pins", { roomId: room.name, before: oldest, limit: PAGE });
      list.append(...messages.toReversed().map(row));
      oldest = messages[0]?.seq;
      more.hidden = messages.length < PAGE;
      status.textContent = list.children.length ? "" : say("noPins");
    } catch (error) {
      status.textContent = sayError(error);
    }
  }

  function row(message) {
    const { messageId, user, content, timestamp } = message;
    const time = make("time");
    const at = new Date(timestamp);
    configuration.times.paint(time, at);
    const author = make("strong", {}, isolated(configuration.sayName(user)));
    const where = make("p", { class: "hint" }, author, " · ", configuration.times.sayDay(at), " ", time);
    const item = make("li", {}, where, make("p", { class: "pinned-text", dir: "auto" }, textNodes(content)));
    if (mayPin(room)) item.append(unpinButton(messageId, item));
    return item;
  }

  function unpinButton(messageId, item) {
    const unpin = make("button", { type: "button", class: "link-button" }, say("unpin"));
    unpin.addEventListener("click", async () => {
      try {
        await client.send("pin-message", { roomId: room.name, messageId, on: false });
        item.remove();
        if (!list.children.length) status.textContent = say("noPins");
        close.focus();
      } catch (error) {
        status.textContent = sayError(error);
      }
    });
    return unpin;
  }

  close.addEventListener("click", () => dialog.close());
  more.addEventListener("click", load);
  await load();
}
