/** What this page knows of one room that it is in, or on its way into. */

import { MessageLog } from "./message-log.js";
import { me } from "./page.js";

export class JoinedRoom {
  log = new MessageLog();
  people = new Map([[me.id, me]]); // seen here: myself, who came, who spoke; without who left
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

  /** Shows a page of history; the server has older messages if the page is full. */
  addHistory(messages, limit) {
    for (const message of messages) this.log.add(message);
    this.hasOlder = messages.length >= limit;
  }
}
