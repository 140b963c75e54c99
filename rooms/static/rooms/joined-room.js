/** What is known of one room that is joined, or about to be; each view of it has a log of its own. */

import { MessageLog } from "./message-log.js";
import { rankOf } from "./ranks.js";

export class JoinedRoom {
  logs = new Map(); // view → MessageLog
  holders = new Set(); // whoever wants it joined
  people = new Map(); // id → user: myself, and whom we saw join or write since we joined, and not leave
  joined = false;
  memberCount = 0;
  unread = 0;
  typing = new Map(); // id → {user, timer} of others who are typing
  written = null; // the last command that was carried out
  refusal = ""; // why it cannot be entered
  role = null; // my own, in it
  mutedUntilMs = 0; // until when I only read
  bannedUntilMs = 0;
  slowUntilMs = 0; // when slow mode lets me write again
  slowModeS = 0;
  locked = false;
  closed = false;
  kind = "";
  title = "";
  topic = "";
  #configuration;
  #tools;
  #hasHistory = false;

  /** `tools` are {actions, blocks, client} of the chat. */
  constructor(name, configuration, tools) {
    this.name = name;
    this.#tools = tools;
    this.#configuration = configuration;
  }

  get hasUnsent() {
    return [...this.logs.values()].some((log) => log.hasUnsent);
  }

  /** What I may do here. */
  get rank() {
    return rankOf(this.role, this.#tools.client.user?.roles);
  }

  /** Takes over what a frame says of the room. */
  update({ title = this.title, topic = this.topic, slowModeS = 0, locked = false, closed = false }) {
    Object.assign(this, { title, topic, slowModeS, locked, closed });
    this.slowUntilMs = Math.min(this.slowUntilMs, Date.now() + slowModeS * 1000);
  }

  /** Takes over what a frame says of me in the room. */
  updateMe({ role = null, mutedUntil, bannedUntil }) {
    const [mutedUntilMs, bannedUntilMs] = [mutedUntil, bannedUntil].map((time) => (time ? Date.parse(time) : 0));
    Object.assign(this, { role, mutedUntilMs, bannedUntilMs });
  }

  /** My message was stored: in slow mode the next one has to wait. */
  posted() {
    this.slowUntilMs = Date.now() + this.slowModeS * 1000;
  }

  /** My message was refused: for a state of the room, maybe, that no frame has brought. */
  refused({ code, reason, retryAfterMs = 0 }) {
    const untilMs = Date.now() + retryAfterMs;
    if (code === "slow-mode") this.slowUntilMs = untilMs;
    else if (code === "muted") this.mutedUntilMs = untilMs;
    else if (code === "locked") this.locked = true;
    else if (reason === "closed") this.closed = true;
  }

  /** The log of a view; a new one gets the history that comes with joining, or has to fetch it when that was before. */
  logOf(view) {
    if (!this.logs.has(view)) {
      const log = new MessageLog(this.#configuration, this.#tools);
      log.hasOlder = this.#hasHistory;
      this.logs.set(view, log);
    }
    return this.logs.get(view);
  }

  /** Joined, or joined again: who left meanwhile is unknown, so the people start with myself. */
  entered(joined) {
    const { me } = this.#configuration;
    Object.assign(this, { joined: true, memberCount: joined.memberCount, kind: joined.kind ?? "public" });
    this.updateMe(joined);
    this.update(joined);
    this.people = new Map([[me.id, me]]);
  }

  addHistory(messages) {
    this.#hasHistory = true;
    for (const log of this.logs.values()) log.addHistory(messages);
  }
}
