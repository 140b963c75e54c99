/**
 * A client of the chat's WebSocket: one class, no build step, no page needed. It knows frames and rooms, nothing of how
 * they look.
 *
 *   const client = new ChatClient();                            // this page's server, signed in by the session cookie
 *   const client = new ChatClient(url, { token: getToken });    // or by a token: a text, or an async function
 *   client.on("chat-message", ({ user, content }) => …);
 *   await client.connect();
 *   await client.send("join-room", { roomId: "general" });
 *   const { seq } = await client.send("chat-message", { roomId: "general", content: "Hello" });
 *
 * It reconnects by itself, joins its rooms again, fetches what it missed, and sends unacknowledged messages again under
 * the same `clientId`. Each change of a joined room reaches the handlers once and in order.
 *
 * Besides the server's frames it emits `state {state, …}`, `room-lost {roomId, code, message}` (a room that could not be
 * joined again) and `room-reset {roomId}` (more has changed than can be told: forget its messages, a `message-history`
 * with the newest page follows). `state` is one of:
 *   idle        nobody has called connect() yet
 *   connecting  a socket is being opened, signed in, and led back into its rooms
 *   anonymous   the socket is open, but nobody is signed in: send("auth", { token })
 *   ready       commands go out at once; in all other states they wait, or fail when the state is `closed`
 *   waiting     the line is lost; the next try comes in `retryInMs`
 *   closed      by disconnect(), or by the server for good: see `code` and `reason`
 */

const DEFAULTS = { token: null, heartbeatMs: 20_000, heartbeatTimeoutMs: 10_000, backoffMs: 500, maxBackoffMs: 30_000 };
const STABLE_MS = 10_000; // a connection that held this long was a good one: the next back-off starts small again
const NO_HEARTBEAT = 4002;
const STORED = new Set(["chat-message", "room-message"]);
const WITHOUT_SIGN_IN = new Set(["auth", "ping"]);
// What may be sent a second time when the line broke before the answer: reads, and what the server does only once.
const REPEATABLE = new Set([
  "chat-message", "room-message", "create-room", "join-room", "leave-room", "get-rooms", "get-history", "get-online-users",
]);
// Where everybody was cut at once, or the server is full, even the first try is spread over a longer time.
const FIRST_ATTEMPT = { 1001: 2, 1012: 2, 4000: 2, 1013: 5 };

const isFinal = (code) => code === 1008 || (code >= 4100 && code <= 4199);
const positionOf = (frame) => frame.changedSeq ?? frame.seq;

/** A new random id; unlike crypto.randomUUID it also works on pages without TLS. */
export function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A command that was refused (`code` as the server says it), or had no answer: `connection-lost`, `disconnected`. */
export class ChatError extends Error {
  constructor({ code = "auth-required", message = code, retryable = false, retryAfterMs }) {
    super(message);
    Object.assign(this, { name: "ChatError", code, retryable, retryAfterMs });
  }
}

export class ChatClient {
  state = "idle";
  user = null;
  #url;
  #options;
  #socket = null;
  #handlers = new Map(); // type → Set of functions
  #commands = new Map(); // id → {frame, sent, repeatable, internal, promise, resolve, reject}
  #rooms = new Map(); // roomId → {seq, live, held, recovered, headSeq}; seq is null until the first history is there
  #attempt = 0;
  #readyAt = Infinity;
  #retryTimer;
  #heartbeatTimer;

  constructor(url = defaultUrl(), options = {}) {
    this.#url = url;
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Opens the connection; resolves with the signed-in user, rejects when it is closed for good before that. */
  connect() {
    if (this.state === "ready") return Promise.resolve(this.user);
    const signedIn = new Promise((resolve, reject) => {
      const off = this.on("state", ({ state, reason }) => {
        if (state !== "ready" && state !== "closed") return;
        off();
        if (state === "ready") resolve(this.user);
        else reject(new ChatError({ code: "disconnected", message: reason }));
      });
    });
    signedIn.catch(() => {}); // who does not await it hears of the same by `state`
    if (this.state === "idle" || this.state === "closed") this.#watch();
    if (!this.#socket) this.#open();
    return signedIn;
  }

  /** Sends a command and resolves with its answer; rejects with a ChatError. A message's `clientId` is its id. */
  send(type, fields = {}) {
    const frame = { type, ...fields, id: fields.id ?? fields.clientId ?? newId() };
    if (STORED.has(type)) frame.clientId ??= frame.id;
    return this.#command(frame, { repeatable: REPEATABLE.has(type) });
  }

  /** Calls the handler for each frame of this type, until the returned function is called. */
  on(type, handler) {
    if (!this.#handlers.has(type)) this.#handlers.set(type, new Set());
    this.#handlers.get(type).add(handler);
    return () => this.#handlers.get(type).delete(handler);
  }

  /** Ends the connection and forgets the rooms; connect() begins anew. */
  disconnect() {
    this.#socket?.close(1000);
    this.#rooms.clear();
    this.#close(1000, "Disconnected");
  }

  // --- The line ------------------------------------------------------------------------------------------------------

  #open() {
    clearTimeout(this.#retryTimer);
    const socket = new WebSocket(this.#url);
    const current = (handle) => (event) => socket === this.#socket && handle(event);
    this.#socket = socket;
    this.#readyAt = Infinity;
    this.user = null;
    socket.onopen = current(() => this.#authenticate(socket));
    socket.onmessage = current(({ data }) => this.#receive(data));
    socket.onclose = current(({ code, reason }) => this.#lost(code, reason));
    this.#expectLife();
    this.#setState("connecting");
  }

  async #authenticate(socket) {
    if (!this.#options.token) return; // the cookie does it: `auth-success` follows `welcome` unasked
    try {
      const { token } = this.#options;
      const value = typeof token === "function" ? await token() : token;
      if (socket === this.#socket) await this.#internal("auth", { token: value });
    } catch (error) {
      // A refusal is followed by the server's close. A token that could not be fetched now may be there later.
      if (socket === this.#socket && !(error instanceof ChatError)) this.#abandon(4000, "No token");
    }
  }

  async #signedIn({ user }) {
    this.user = user;
    if (this.state === "ready") return; // a new token on an open socket
    const socket = this.#socket;
    await Promise.all([...this.#rooms].map(([roomId, room]) => this.#resume(roomId, room)));
    if (socket !== this.#socket) return;
    this.#readyAt = Date.now();
    this.#setState("ready");
    for (const command of this.#commands.values()) if (!command.sent) this.#transmit(command);
  }

  #lost(code, reason) {
    this.#socket = null;
    clearTimeout(this.#heartbeatTimer);
    for (const room of this.#rooms.values()) Object.assign(room, { live: false, held: [] });
    for (const command of this.#commands.values()) {
      if (command.internal || (command.sent && !command.repeatable)) this.#settle(command, { type: "error", code: "connection-lost" });
      command.sent = false;
    }
    if (isFinal(code)) this.#close(code, reason);
    else this.#retry(code, reason);
  }

  #abandon(code, reason) {
    this.#socket.close(code, reason); // its close event may take minutes on a dead line: nobody waits for it
    this.#lost(code, reason);
  }

  #retry(code, reason) {
    const { backoffMs, maxBackoffMs } = this.#options;
    if (Date.now() - this.#readyAt > STABLE_MS) this.#attempt = 0;
    this.#attempt = Math.max(this.#attempt, FIRST_ATTEMPT[code] ?? 0);
    const retryInMs = Math.random() * Math.min(maxBackoffMs, backoffMs * 2 ** this.#attempt++);
    this.#retryTimer = setTimeout(() => this.#open(), retryInMs);
    this.#setState("waiting", { code, reason, retryInMs });
  }

  #close(code, reason) {
    this.#socket = null;
    this.#attempt = 0;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#heartbeatTimer);
    globalThis.removeEventListener?.("online", this.#wake);
    globalThis.document?.removeEventListener("visibilitychange", this.#wake);
    for (const command of this.#commands.values()) this.#settle(command, { type: "error", code: "disconnected" });
    this.#setState("closed", { code, reason });
  }

  #watch() {
    globalThis.addEventListener?.("online", this.#wake);
    globalThis.document?.addEventListener("visibilitychange", this.#wake);
  }

  #wake = () => {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (this.state === "waiting") this.#open();
    else if (this.state === "ready") this.#probe();
  };

  // --- The heart-beat: any frame is life; after silence a ping must be answered ------------------------------------------

  #expectLife() {
    clearTimeout(this.#heartbeatTimer);
    const { heartbeatTimeoutMs } = this.#options;
    this.#heartbeatTimer = setTimeout(() => this.#abandon(NO_HEARTBEAT, "No heart-beat"), heartbeatTimeoutMs);
  }

  #probe() {
    this.#socket.send('{"type":"ping"}');
    this.#expectLife();
  }

  #alive() {
    clearTimeout(this.#heartbeatTimer);
    this.#heartbeatTimer = setTimeout(() => this.#probe(), this.#options.heartbeatMs);
  }

  // --- Commands and their answers ----------------------------------------------------------------------------------------

  /** What the client asks on its own account: handlers do not see the answer, and a lost line ends it. */
  #internal(type, fields = {}) {
    return this.#command({ type, ...fields, id: newId() }, { repeatable: false, internal: true });
  }

  #command(frame, { repeatable, internal = false }) {
    const known = this.#commands.get(frame.id);
    if (known) return known.promise;
    if (this.state === "closed") return Promise.reject(new ChatError({ code: "disconnected" }));
    const command = { frame, repeatable, internal, sent: false };
    command.promise = new Promise((resolve, reject) => Object.assign(command, { resolve, reject }));
    this.#commands.set(frame.id, command);
    const open = this.#socket?.readyState === 1;
    if (open && (this.state === "ready" || internal || WITHOUT_SIGN_IN.has(frame.type))) this.#transmit(command);
    return command.promise;
  }

  #transmit(command) {
    command.sent = true;
    this.#socket.send(JSON.stringify(command.frame));
  }

  #settle(command, answer) {
    this.#commands.delete(command.frame.id);
    if (answer.type === "error" || answer.type === "auth-failed") command.reject(new ChatError(answer));
    else command.resolve(answer);
  }

  #receive(data) {
    this.#alive();
    const frame = JSON.parse(data);
    const command = this.#commands.get(frame.id);
    if (command) this.#settle(command, frame);
    if (frame.type === "auth-success") this.#signedIn(frame);
    if (frame.type === "room-joined") this.#joined(frame);
    if (command?.internal) return;
    if (frame.type === "welcome") this.#askWhetherSignedIn();
    if (frame.type === "auth-expiring") this.#authenticate(this.#socket);
    if (frame.type === "room-left") this.#rooms.delete(frame.roomId);
    if (frame.type === "message-history" && !command) this.#snapshot(frame);
    else if (positionOf(frame) !== undefined && this.#rooms.has(frame.roomId)) this.#change(frame);
    else this.#emit(frame);
  }

  /** The cookie's `auth-success` comes before the answer to any command; without it, nobody is signed in. */
  async #askWhetherSignedIn() {
    if (this.#options.token) return;
    const socket = this.#socket;
    await this.#internal("ping").catch(() => {});
    if (socket === this.#socket && this.state === "connecting" && !this.user) this.#setState("anonymous");
  }

  // --- Rooms: each message once and in order, whatever the line did --------------------------------------------------------

  #joined({ roomId, recovered = false, headSeq = null }) {
    if (!this.#rooms.has(roomId)) this.#rooms.set(roomId, { seq: null, live: false, held: [] });
    Object.assign(this.#rooms.get(roomId), { recovered, headSeq });
  }

  /** The history that follows `room-joined`: all that changed since we were last there, or a page to begin with. */
  #snapshot(frame) {
    const room = this.#rooms.get(frame.roomId);
    if (!room || room.live) return this.#emit(frame);
    if (room.recovered) for (const change of frame.messages) this.#deliver(room, change);
    else {
      if (room.seq !== null) this.#emit({ type: "room-reset", roomId: frame.roomId });
      this.#emit(frame);
    }
    room.seq = room.headSeq ?? Math.max(0, ...frame.messages.map(positionOf));
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
    for (const frame of room.held.splice(0).sort((a, b) => positionOf(a) - positionOf(b))) this.#deliver(room, frame);
  }

  /** Joins a room where we stopped: after a lost line, or when something of a live room has not come. */
  async #resume(roomId, room) {
    room.live = false;
    try {
      await this.#internal("join-room", room.seq === null ? { roomId } : { roomId, after: room.seq });
    } catch (error) {
      this.#recover(error, roomId, room, () => this.#resume(roomId, room));
    }
  }

  #recover(error, roomId, room, again) {
    if (error.code === "connection-lost" || error.code === "disconnected") return; // the next connection begins anew
    const socket = this.#socket;
    const stillWanted = () => socket === this.#socket && this.#rooms.get(roomId) === room;
    if (error.retryable) setTimeout(() => stillWanted() && again(), error.retryAfterMs ?? 1000);
    else if (stillWanted()) {
      this.#rooms.delete(roomId);
      this.#emit({ type: "room-lost", roomId, code: error.code, message: error.message });
    }
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
        console.error(error); // one handler's fault is not the others'
      }
    }
  }
}

function defaultUrl() {
  const url = new URL("/ws", globalThis.location?.href ?? "ws://localhost:8000");
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
