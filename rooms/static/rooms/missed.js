/** What was said to me while I was away, in a dialog: mentions and answers, and the rooms with anything unread. */

import { isolated } from "./configuration.js";
import { openDialog } from "./dialog.js";
import { make } from "./dom.js";
import { roomPath } from "./room-list.js";
import { Times } from "./times.js";

const WHY = { mention: "missedMention", reply: "missedReply", room: "missedRoom" };

/** Opens the dialog; `onOpen(name)` is called for a room that was chosen, `label(name)` says what one is called. */
export function openMissed(near, { client, configuration, onOpen, label }) {
  const { say, sayError, sayName } = configuration;
  const times = new Times(configuration);
  const status = make("p", { class: "dialog-status", role: "status" }, say("missedLoading"));
  const list = make("ol", { class: "search-results" });
  const more = make("button", { type: "button", class: "quiet-button", hidden: true }, say("searchMore"));
  const rooms = make("ul", { class: "search-results" });
  const heading = make("h3", { hidden: true }, say("missedRooms"));
  const close = make("button", { type: "button", class: "quiet-button" }, say("close"));
  const buttons = make("div", { class: "dialog-buttons" }, close);
  const dialog = openDialog(near, say("missedTitle"), status, list, more, heading, rooms, buttons);
  let next;

  async function load() {
    more.hidden = true;
    try {
      const page = await client.send("get-missed", next ? { before: next } : {});
      list.append(...page.mentions.map(row));
      if (page.rooms) rooms.append(...page.rooms.map(roomRow));
      heading.hidden = !rooms.children.length;
      status.textContent = list.children.length + rooms.children.length ? "" : say("missedNothing");
      next = page.next;
      more.hidden = !next;
    } catch (error) {
      status.textContent = sayError(error);
      more.hidden = !next;
    }
  }

  function row({ message, why }) {
    const text = make("span", { class: "snippet", dir: "auto" }, message.content);
    const name = isolated(sayName(message.user));
    const date = new Date(message.timestamp);
    const time = make("time");
    times.paint(time, date);
    const place = say(WHY[why], { name, room: isolated(label(message.roomId)) });
    return entry(message.roomId, make("span", { class: "hint" }, place, " · ", times.sayDay(date), " ", time), text);
  }

  function roomRow({ roomId, unread }) {
    const count = say("unreadOfRoom", { count: unread });
    return entry(roomId, make("span", { dir: "auto" }, label(roomId)), make("span", { class: "hint" }, count));
  }

  function entry(name, ...parts) {
    const link = make("a", { href: roomPath(name) }, ...parts);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      dialog.close();
      onOpen(name);
    });
    return make("li", {}, link);
  }

  close.addEventListener("click", () => dialog.close());
  more.addEventListener("click", load);
  load();
}
