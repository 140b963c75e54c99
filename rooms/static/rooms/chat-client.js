/**
 * A client of the chat's WebSocket: one class, no build step, no page needed. It knows frames and rooms, not how they
 * are shown.
 *
 *   const client = new ChatClient();                            // this page's server, signed in by the session cookie
 *   const client = new ChatClient(url, { token: getToken });    // or by a token: a text, or an async function
 *   client.on("chat-message", ({ user, content }) => …);
 *   await client.connect();
 *   await client.send("join-room", { roomId: "general" });
 *   const { seq } = await client.send("chat-message", { roomId: "general", content: "Hello" });
 *
 * It reconnects, joins its rooms again, fetches what it missed, and sends unacknowledged messages again under the same
 * `clientId`. Each change of a joined room reaches the handlers once and in order; one that was fetched later has
 * `missed: true`. `room-joined` comes at each join, also when the client joins again: `memberCount` is the number now.
 *
 * A client acts for one user: the one whose id is the option `userId`, else the first who is signed in. When the server
 * signs in another user (the cookie has changed), the client sends nothing and is `closed`, and what waits is rejected
 * with `identity-changed`. After disconnect(), connect() accepts any user.
 *
 * Besides the server's frames it emits `state {state, …}`, `room-lost {roomId, code, message}` (the server removed the
 * user from the room, or refused to join it again) and `room-reset {roomId}` (too much has changed, or the room has
 * another history now: forget its messages, a `message-history` with the newest page follows). `state` is one of:
 *   idle        connect() was not called yet
 *   connecting  the socket is being opened and signed in, and its rooms are joined again
 *   anonymous   the socket is open, but nobody is signed in: send("auth", { token })
 *   ready       commands are sent at once; in all other states they wait, or fail when the state is `closed`
 *   waiting     the connection is lost; the next attempt is in `retryInMs`
 *   closed      by disconnect(), by the server, or with `identity-changed`, until connect(): see `code` and `reason`
 *
 * What the server refuses with `rate-limited` is sent again when the server says, some times and in its order; only then
 * it is rejected. After a refused connection the next attempt waits as long as the server says.
 *
 * A token function is called again when a token expires, also after the close code 4100; a fixed token is then at its
 * end. After 1009 (frame too big) the command at fault is rejected with `too-large`, and the client reconnects.
 */

const DEFAULTS = {
  token: null, userId: null, heartbeatMs: 20_000, heartbeatTimeoutMs: 10_000, backoffMs: 500, maxBackoffMs: 30_000,
};
const STABLE_MS = 10_000; // after a connection that lasted this long the next back-off starts small again
const FRAME_TOO_BIG = 1009;
const SIGN_IN_LATER = 4000;
const NO_HEARTBEAT = 4002;
const TOKEN_EXPIRED = 4100;
const IDENTITY_CHANGED = "identity-changed";
const STORED = new Set(["chat-message", "room-message"]);
const WRITES = new Set([...STORED, "message-start", "message-append"]); // for which one has to be in the room
const CHANGES = new Set([
  ...STORED, "message-edited", "message-deleted", "messages-deleted", "reaction",
]); // these alone take a room's next seq
const SLASH = /^\/(?!me\s)\p{L}[^\s/]*(\s|$)/iu; // a text that is a command, and no message
const WITHOUT_SIGN_IN = new Set(["auth", "ping"]);
const MAX_TRIES = 10; // of a command that is refused for its rate
const WINDOW = 32; // unanswered commands of one line; refused ones count as violations
// What may be sent again when the connection was lost before the answer: reads, and what the server does only once.
const REPEATABLE = new Set([
  "chat-message", "room-message", "create-room", "join-room", "leave-room", "get-rooms", "get-history", "get-online-users",
  "follow-room", "unfollow-room", "invite", "get-members", "accept-invitation",
  "edit-message", "delete-message", "react", "get-reactions", "pin-message", "get-pins", "get-commands", "get-replies", "get-versions", "search",
  "report-message", "report-user", "block-user", "get-blocks",
  "mark-read", "get-unread", "get-readers", "hide-reads", "open-direct", "find-users",
  "message-start", "message-append", "message-end", "message-stop", "get-stream",
]);
// Where all connections ended at once, or the server is full, even the first attempt is spread over a longer time.
const FIRST_ATTEMPT = { 1001: 2, 1012: 2, 4000: 2, 1013: 5 };

const isFinal = (code) => code === 1008 || (code >= 4100 && code <= 4199);
const failureOf = (closeCode) => (closeCode === IDENTITY_CHANGED ? IDENTITY_CHANGED : "disconnected");
const positionOf = (frame) => frame.changedSeq ?? frame.seq;
/** Commands that share a rate and keep their order: the messages of a room, and those of each other type. */
const lineOf = ({ type, roomId }) => (STORED.has(type) ? `messages ${roomId}` : type);
const bytesOf = ({ frame }) => new TextEncoder().encode(JSON.stringify(frame)).length;

/** A copy whose texts UTF-8 can express: half a surrogate pair, which the server refuses, becomes U+FFFD. */
const wellFormed = (fields) =>
  JSON.parse(JSON.stringify(fields), (_, value) =>
    typeof value === "string" ? value.replace(/\p{Surrogate}/gu, "\uFFFD") : value,
  );

/** A new random id; unlike crypto.randomUUID it also works on pages without TLS. */
export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A command was refused, with the server's `code`, or failed: `connection-lost`, `disconnected`, `identity-changed`. */
export class ChatError extends Error {
  constructor({ code = "auth-required", message = code, retryable = false, retryAfterMs, reason, current, offset }) {
    super(message);
    Object.assign(this, { name: "ChatError", code, retryable, retryAfterMs, reason, current, offset });
  }
}

export class ChatClient {
  state = "idle";
  user = null;
  #url;
  #options;
  #socket = null;
  #handlers = new Map(); // type → Set of functions
  #userId; // the user this client acts for, or null
  #commands = new Map(); // id → {frame, sent, tries, repeatable, internal, resolve, reject}
  #lines = new Map(); // line → {unanswered, window, holdTimer}; the window is 1 after a refusal, until nothing waits
  #notBefore = 0; // the server refuses connections until then
  #joinsRefused = () => {};
  #rooms = new Map(); // roomId → {seq, epoch, live, held, snapshot}; seq is null until the first history is there
  #previous = null; // the frame before the one that is handled
  #attempt = 0;
  #readyAt = Infinity;
  #retryTimer;
  #heartbeatTimer;

  constructor(url = socketUrl(), options = {}) {
    this.#url = url;
    this.#options = { ...DEFAULTS, ...options };
    this.#userId = this.#options.userId;
  }

  /** Opens the connection; resolves with the signed-in user, rejects when it is closed for good before that. */
  connect() {
    if (this.state === "ready") return Promise.resolve(this.user);
    const signedIn = new Promise((resolve, reject) => {
      const off = this.on("state", ({ state, code, reason }) => {
        if (state !== "ready" && state !== "closed") return;
        off();
        if (state === "ready") resolve(this.user);
        else reject(new ChatError({ code: failureOf(code), message: reason }));
      });
    });
    signedIn.catch(() => {}); // `state` says the same to those who do not await it
    if (this.state === "idle" || this.state === "closed") this.#watch();
    if (!this.#socket) this.#open();
    return signedIn;
  }

  /** Sends a command and resolves with its answer; rejects with a ChatError. `id` and a missing `clientId` are set here. */
  send(type, fields = {}) {
    const frame = wellFormed({ type, ...fields });
    if (STORED.has(type) || type === "message-start") frame.clientId ??= newId();
    const isCommand = STORED.has(type) && SLASH.test(frame.content); // it may act twice
    return this.#command(frame, { repeatable: REPEATABLE.has(type) && !isCommand });
  }

  /** Calls the handler for each frame of this type, until the returned function is called. */
  on(type, handler) {
    if (!this.#handlers.has(type)) this.#handlers.set(type, new Set());
    this.#handlers.get(type).add(handler);
    return () => this.#handlers.get(type).delete(handler);
  }

  /** Ends the connection and forgets the rooms and the user. */
  disconnect() {
    this.#rooms.clear();
    this.#userId = null;
    this.#close(1000, "Disconnected");
  }

  // --- The connection ------------------------------------------------------------------------------------------------

  #open() {
    clearTimeout(this.#retryTimer);
    const socket = new WebSocket(this.#url);
    const current = (handle) => (event) => socket === this.#socket && handle(event);
    this.#socket = socket;
    this.#readyAt = Infinity;
    this.user = null;
    socket.onopen = current(() => {
      this.#transmitWaiting();
      this.#authenticate(socket);
    });
    socket.onmessage = current(({ data }) => this.#receive(data));
    socket.onclose = current(({ code, reason }) => this.#lost(code, reason));
    this.#expectFrame();
    this.#setState("connecting");
  }

  async #authenticate(socket) {
    if (!this.#options.token) return; // by the cookie `auth-success` follows `welcome` unasked
    try {
      const { token } = this.#options;
      const value = typeof token === "function" ? await token() : token;
      if (socket === this.#socket) await this.#internal("auth", { token: value });
    } catch (error) {
      // After a refusal the server closes. A token that could not be fetched or checked now may be good later.
      const isRefusal = error instanceof ChatError && !error.retryable;
      if (socket === this.#socket && !isRefusal) this.#abandon(SIGN_IN_LATER, "Not signed in yet");
    }
  }

  async #signedIn({ user }) {
    this.user = user;
    this.#userId = user.id;
    if (this.state === "ready") return; // a new token on an open socket
    const socket = this.#socket;
    const refused = new Promise((resolve) => (this.#joinsRefused = resolve)); // then the others follow one by one
    await Promise.race([refused, Promise.all([...this.#rooms].map(([roomId, room]) => this.#resume(roomId, room)))]);
    if (socket !== this.#socket) return;
    this.#readyAt = Date.now();
    this.#notBefore = 0;
    this.#setState("ready");
    this.#transmitWaiting();
  }

  #identityChanged() {
    this.#rooms.clear();
    this.#close(IDENTITY_CHANGED, "Signed in as another user");
  }

  #lost(code, reason) {
    this.#socket = null;
    clearTimeout(this.#heartbeatTimer);
    const tooBig = code === FRAME_TOO_BIG ? this.#largestUnanswered() : undefined;
    if (tooBig) this.#settle(tooBig, { type: "error", code: "too-large" });
    for (const room of this.#rooms.values()) Object.assign(room, { live: false, held: [] });
    this.#resetLines();
    for (const command of this.#commands.values()) {
      if (command.internal || (command.sent && !command.repeatable)) this.#settle(command, { type: "error", code: "connection-lost" });
      command.sent = false;
    }
    const canRenewToken = code === TOKEN_EXPIRED && typeof this.#options.token === "function";
    if (tooBig?.internal || (isFinal(code) && !canRenewToken)) this.#close(code, reason);
    else this.#retry(code, reason);
  }

  /** The frame that was too big has had no answer; the largest one without an answer is at least as large. */
  #largestUnanswered() {
    const unanswered = [...this.#commands.values()].filter(({ sent }) => sent);
    return unanswered.sort((a, b) => bytesOf(b) - bytesOf(a))[0];
  }

  #abandon(code, reason) {
    this.#socket.close(code, reason); // without a network its close event may take minutes
    this.#lost(code, reason);
  }

  #retry(code, reason) {
    const { backoffMs, maxBackoffMs } = this.#options;
    if (Date.now() - this.#readyAt > STABLE_MS) this.#attempt = 0;
    this.#attempt = Math.max(this.#attempt, FIRST_ATTEMPT[code] ?? 0);
    const backOffMs = Math.random() * Math.min(maxBackoffMs, backoffMs * 2 ** this.#attempt++);
    const retryInMs = Math.max(backOffMs, this.#notBefore - Date.now());
    this.#retryTimer = setTimeout(() => this.#open(), retryInMs);
    this.#setState("waiting", { code, reason, retryInMs });
  }

  #close(code, reason) {
    this.#socket?.close(1000);
    this.#socket = null;
    this.#attempt = this.#notBefore = 0;
    this.#resetLines();
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#heartbeatTimer);
    globalThis.removeEventListener?.("online", this.#wake);
    globalThis.document?.removeEventListener("visibilitychange", this.#wake);
    for (const command of this.#commands.values()) this.#settle(command, { type: "error", code: failureOf(code) });
    this.#setState("closed", { code, reason });
  }

  #watch() {
    globalThis.addEventListener?.("online", this.#wake);
    globalThis.document?.addEventListener("visibilitychange", this.#wake);
  }

  #wake = () => {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (this.state === "waiting" && Date.now() >= this.#notBefore) this.#open();
    else if (this.state === "ready") this.#probe();
  };

  // --- Heartbeat: after a silence a ping is sent, and some frame must follow -----------------------------------------

  #expectFrame() {
    clearTimeout(this.#heartbeatTimer);
    const { heartbeatTimeoutMs } = this.#options;
    this.#heartbeatTimer = setTimeout(() => this.#abandon(NO_HEARTBEAT, "No heartbeat"), heartbeatTimeoutMs);
  }

  #probe() {
    this.#socket.send('{"type":"ping"}');
    this.#expectFrame();
  }

  #postponeProbe() {
    clearTimeout(this.#heartbeatTimer);
    this.#heartbeatTimer = setTimeout(() => this.#probe(), this.#options.heartbeatMs);
  }

  // --- Commands and their answers ------------------------------------------------------------------------------------

  /** A command that only this client needs: handlers do not see its answer, and it ends with the connection. */
  #internal(type, fields = {}) {
    return this.#command({ type, ...fields }, { repeatable: false, internal: true });
  }

  #command(fields, { repeatable, internal = false }) {
    if (this.state === "closed") return Promise.reject(new ChatError({ code: "disconnected" }));
    const frame = { ...fields, id: newId() };
    const command = { frame, repeatable, internal, sent: false, tries: 0 };
    const answer = new Promise((resolve, reject) => Object.assign(command, { resolve, reject }));
    this.#commands.set(frame.id, command);
    if (this.#mayTransmit(command)) this.#transmit(command);
    return answer;
  }

  #mayTransmit({ frame, internal }) {
    if (this.#socket?.readyState !== 1) return false;
    if (WITHOUT_SIGN_IN.has(frame.type)) return true;
    const { holdTimer, unanswered, window } = this.#line(frame);
    const isJoining = WRITES.has(frame.type) && this.#rooms.get(frame.roomId)?.live === false;
    return (this.state === "ready" || internal) && !holdTimer && unanswered < window && !isJoining;
  }

  #line(frame) {
    const name = lineOf(frame);
    if (!this.#lines.has(name)) this.#lines.set(name, { unanswered: 0, window: WINDOW, holdTimer: null });
    return this.#lines.get(name);
  }

  #resetLines() {
    for (const { holdTimer } of this.#lines.values()) clearTimeout(holdTimer);
    this.#lines.clear();
  }

  /** Takes a command's answer into account in its line; true when it was refused for its rate and is sent again later. */
  #willRepeat(command, { code, retryAfterMs }) {
    if (WITHOUT_SIGN_IN.has(command.frame.type)) return false;
    const line = this.#line(command.frame);
    line.unanswered--;
    const isHeld = code === "rate-limited" && retryAfterMs && ++command.tries < MAX_TRIES;
    if (isHeld) {
      command.sent = false;
      line.window = 1;
      clearTimeout(line.holdTimer);
      line.holdTimer = setTimeout(() => {
        line.holdTimer = null;
        this.#transmitWaiting();
      }, retryAfterMs);
      if (command.frame.type === "join-room") this.#joinsRefused();
    }
    return isHeld;
  }

  /** The next command of a line follows an answer; a line of which none waits is as fast as before. */
  #follow(frame) {
    this.#transmitWaiting();
    const name = lineOf(frame);
    const waits = [...this.#commands.values()].some((other) => lineOf(other.frame) === name);
    if (!waits) this.#lines.delete(name);
  }

  #transmitWaiting() {
    for (const command of this.#commands.values()) if (!command.sent && this.#mayTransmit(command)) this.#transmit(command);
  }

  #transmit(command) {
    command.sent = true;
    if (!WITHOUT_SIGN_IN.has(command.frame.type)) this.#line(command.frame).unanswered++;
    this.#socket.send(JSON.stringify(command.frame));
  }

  #settle(command, answer) {
    this.#commands.delete(command.frame.id);
    if (answer.type === "error" || answer.type === "auth-failed") command.reject(new ChatError(answer));
    else command.resolve(answer);
  }

  #receive(data) {
    this.#postponeProbe();
    const frame = JSON.parse(data);
    const previous = this.#previous;
    this.#previous = frame;
    const command = this.#commands.get(frame.id);
    const signsIn = frame.type === "auth-success";
    if (signsIn && frame.user.id !== (this.#userId ?? frame.user.id)) return this.#identityChanged();
    if (frame.type === "error" && frame.retryAfterMs && (!command || command.frame.type === "auth")) {
      this.#notBefore = Date.now() + frame.retryAfterMs;
    }
    if (command && this.#willRepeat(command, frame)) return;
    if (command) this.#settle(command, frame);
    if (command) this.#follow(command.frame);
    if (signsIn) this.#signedIn(frame);
    if (frame.type === "room-joined") this.#joined(frame);
    else if (command?.internal) return;
    if (frame.type === "welcome") this.#askWhetherSignedIn();
    if (frame.type === "auth-expiring") this.#authenticate(this.#socket);
    if (frame.type === "message-history" && !command) this.#snapshot(frame);
    else if (CHANGES.has(frame.type) && this.#rooms.has(frame.roomId)) this.#change(frame);
    else this.#emit(frame);
    if (frame.type === "room-left") this.#left(frame, { asked: Boolean(command), previous });
  }

  /** The cookie's `auth-success`, or the error that kept it away for now, comes before the answer to any command. */
  async #askWhetherSignedIn() {
    if (this.#options.token) return;
    const socket = this.#socket;
    let isTemporary = false;
    const off = this.on("error", ({ retryable }) => (isTemporary = retryable));
    await this.#internal("ping").catch(() => {});
    off();
    if (socket !== this.#socket || this.state !== "connecting" || this.user) return;
    if (isTemporary) this.#abandon(SIGN_IN_LATER, "Not signed in yet");
    else this.#setState("anonymous");
  }

  // --- Rooms: each change once and in order, over any number of connections ------------------------------------------

  #joined({ roomId, recovered = false, headSeq, epoch }) {
    if (!this.#rooms.has(roomId)) this.#rooms.set(roomId, { seq: null, live: false, held: [] });
    this.#rooms.get(roomId).snapshot = { recovered, headSeq, epoch };
  }

  /** An `error` without id right before a `room-left` that nobody asked for says why the server removed this user. */
  #left({ roomId }, { asked, previous }) {
    const wasIn = this.#rooms.delete(roomId);
    const isReason = previous?.type === "error" && !previous.id;
    if (wasIn && !asked) this.#loseRoom(roomId, isReason ? previous : new ChatError({ code: "not-in-room" }));
  }

  #loseRoom(roomId, { code, message }) {
    this.#rooms.delete(roomId);
    this.#transmitWaiting(); // what waited for it is refused with the reason
    this.#emit({ type: "room-lost", roomId, code, message });
  }

  /** The history that follows `room-joined`: all that changed after the room's `seq`, or the newest page. */
  #snapshot(frame) {
    const room = this.#rooms.get(frame.roomId);
    if (!room || room.live) return this.#emit(frame);
    const { recovered, headSeq, epoch } = room.snapshot;
    if (recovered) for (const change of frame.messages) this.#deliver(room, { ...change, missed: true });
    else {
      if (room.seq !== null) this.#emit({ type: "room-reset", roomId: frame.roomId });
      this.#emit(frame);
    }
    Object.assign(room, { seq: headSeq, epoch }); // only together: a seq means nothing in another epoch
    this.#release(room);
  }

  #change(frame) {
    const room = this.#rooms.get(frame.roomId);
    if (!room.live) room.held.push(frame);
    else if (positionOf(frame) <= room.seq + 1) this.#deliver(room, frame);
    else {
      room.held.push(frame);
      this.#resume(frame.roomId, room);
    }
  }

  #deliver(room, frame) {
    const known = positionOf(frame) <= room.seq;
    room.seq = Math.max(room.seq, positionOf(frame));
    if (!known) this.#emit(frame);
  }

  #release(room) {
    room.live = true;
    this.#transmitWaiting();
    for (const frame of room.held.splice(0).sort((a, b) => positionOf(a) - positionOf(b))) this.#deliver(room, frame);
  }

  /** Joins a room again from its `seq` on: after a reconnect, or when a change is missing. */
  async #resume(roomId, room) {
    room.live = false;
    try {
      const { seq, epoch } = room;
      await this.#internal("join-room", seq === null ? { roomId } : { roomId, after: seq, epoch });
    } catch (error) {
      this.#recover(error, roomId, room, () => this.#resume(roomId, room));
    }
  }

  #recover(error, roomId, room, again) {
    if (error.code === "connection-lost" || error.code === "disconnected") return; // left to the next connection
    const socket = this.#socket;
    const stillWanted = () => socket === this.#socket && this.#rooms.get(roomId) === room;
    if (error.retryable) setTimeout(() => stillWanted() && again(), error.retryAfterMs ?? 1000);
    else if (stillWanted()) this.#loseRoom(roomId, error);
  }

  // --- Handlers --------------------------------------------------------------------------------------------------------

  #setState(state, detail = {}) {
    this.state = state;
    this.#emit({ type: "state", state, ...detail });
  }

  #emit(frame) {
    for (const handler of [...(this.#handlers.get(frame.type) ?? [])]) {
      try {
        handler(frame);
      } catch (error) {
        console.error(error); // the other handlers must still be called
      }
    }
  }
}

/** The address of a socket of this page's server, for a path; programs without a page get one on this machine. */
export function socketUrl(path = "/ws") {
  const url = new URL(path, globalThis.location?.href ?? "ws://localhost:8000");
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
