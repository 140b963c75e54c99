/** What this page knows of one room that it is in, or on its way into. */

import { MessageLog } from "./message-log.js";
import { me } from "./page.js";

export class JoinedRoom {
  log = new MessageLog();
  people = new Map(); // id → user: myself, and whom this page saw join or write since it joined, and not leave
  joined = false;
  memberCount = 0;
  unread = 0;
  hasOlder = false;
  loading = false;
  refusal = ""; // why it cannot be entered
  scrollTop = null; // where its reader was; null is the end

  constructor(name) {
    this.name = name;
  }

  /** The page has joined the room, or joined it again: who left while it was away is unknown, so it starts with itself. */
  entered(memberCount) {
    this.joined = true;
    this.memberCount = memberCount;
    this.people = new Map([[me.id, me]]);
  }

  /** Shows a page of history; the server has older messages if the page is full. */
  addHistory(messages, limit) {
    for (const message of messages) this.log.add(message);
    this.hasOlder = messages.length >= limit;
  }
}
