// The peer for REST: rooms and messages as one writes them with Express and better-sqlite3. It answers as ours does, takes
// the same tokens (a JWT signed by HMAC SHA-256) and looks the caller up, and stores each message in a transaction.
//
//   JWT_SECRET=… node express.js --port 9000 --database chat.sqlite3 --people 16

import { createHmac, timingSafeEqual } from "node:crypto";
import { parseArgs } from "node:util";
import Database from "better-sqlite3";
import express from "express";

const CONTENT_CHARS = 4000;
const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;
const { JWT_SECRET } = process.env;

const { values: options } = parseArgs({
  options: { port: { type: "string" }, database: { type: "string" }, people: { type: "string" } },
});

const database = new Database(options.database);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = NORMAL");
database.pragma("foreign_keys = ON");
database.exec(`
  CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, username TEXT NOT NULL UNIQUE, active INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS rooms (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL, last_seq INTEGER NOT NULL, created TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY, room_id INTEGER NOT NULL REFERENCES rooms, seq INTEGER NOT NULL,
    author_id INTEGER NOT NULL REFERENCES users, content TEXT NOT NULL, created TEXT NOT NULL, UNIQUE (room_id, seq)
  );
`);

const statements = {
  addUser: database.prepare("INSERT OR IGNORE INTO users (id, username, active) VALUES (?, ?, 1)"),
  user: database.prepare("SELECT id, username FROM users WHERE id = ? AND active"),
  addRoom: database.prepare("INSERT INTO rooms (name, title, last_seq, created) VALUES (?, '', 0, ?)"),
  room: database.prepare("SELECT * FROM rooms WHERE name = ?"),
  rooms: database.prepare("SELECT * FROM rooms WHERE name > ? ORDER BY name LIMIT ?"),
  nextSeq: database.prepare("UPDATE rooms SET last_seq = last_seq + 1 WHERE id = ? RETURNING last_seq"),
  addMessage: database.prepare("INSERT INTO messages (room_id, seq, author_id, content, created) VALUES (?, ?, ?, ?, ?)"),
  newest: page("", "DESC"),
  before: page("AND seq < ?", "DESC"),
  after: page("AND seq > ?", "ASC"),
};

function page(place, direction) {
  return database.prepare(`
    SELECT messages.id, seq, content, messages.created, users.id AS author_id, username
    FROM messages JOIN users ON users.id = author_id
    WHERE room_id = ? ${place} ORDER BY seq ${direction} LIMIT ?
  `);
}

const post = database.transaction((room, user, content, created) => {
  const { last_seq: seq } = statements.nextSeq.get(room.id);
  const { lastInsertRowid: id } = statements.addMessage.run(room.id, seq, user.id, content, created);
  return { id, seq, content, created, author_id: user.id, username: user.username };
});

const shownRoom = (room) => ({
  id: room.name,
  title: room.title,
  kind: "public",
  memberCount: 0,
  lastSeq: room.last_seq,
  createdAt: room.created,
  closed: false,
});

const shownMessage = (message, room) => ({
  type: "chat-message",
  roomId: room.name,
  user: { id: String(message.author_id), username: message.username },
  content: message.content,
  timestamp: message.created,
  messageId: String(message.id),
  seq: message.seq,
  changedSeq: message.seq,
});

function refuse(response, status, error, code) {
  response.status(status).json({ error, code });
}

function authenticate(request, response, next) {
  const [header, payload, signature] = (request.get("authorization") ?? "").replace(/^Bearer /, "").split(".");
  const expected = createHmac("sha256", JWT_SECRET).update(`${header}.${payload}`).digest();
  const given = Buffer.from(signature ?? "", "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    return refuse(response, 401, "Please sign in", "auth-required");
  }
  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  if (claims.exp * 1000 < Date.now()) return refuse(response, 401, "The token has expired", "auth-expired");
  request.user = statements.user.get(Number(claims.userId));
  if (!request.user) return refuse(response, 401, "Please sign in", "auth-required");
  next();
}

function findRoom(request, response, next) {
  request.room = statements.room.get(request.params.name);
  if (!request.room) return refuse(response, 404, "No such room", "no-such-room");
  next();
}

const limitOf = (query) => Math.min(Number(query.limit ?? PAGE_DEFAULT), PAGE_MAX);

const app = express();
app.disable("x-powered-by");
app.use("/api", express.json(), authenticate);

app.get("/api/rooms", ({ query }, response) => {
  const limit = limitOf(query);
  const rooms = statements.rooms.all(query.after ?? "", limit + 1);
  const shown = rooms.slice(0, limit);
  response.json({ rooms: shown.map(shownRoom), next: rooms.length > limit ? shown.at(-1).name : null });
});

app.post("/api/rooms", (request, response) => {
  const { name } = request.body;
  statements.addRoom.run(name, new Date().toISOString());
  response.status(201).json(shownRoom(statements.room.get(name)));
});

app.get("/api/rooms/:name/messages", findRoom, ({ query, room }, response) => {
  const limit = limitOf(query);
  let rows;
  if (query.after !== undefined) rows = statements.after.all(room.id, Number(query.after), limit);
  else if (query.before !== undefined) rows = statements.before.all(room.id, Number(query.before), limit).reverse();
  else rows = statements.newest.all(room.id, limit).reverse();
  response.json({ messages: rows.map((row) => shownMessage(row, room)) });
});

app.post("/api/rooms/:name/messages", findRoom, (request, response) => {
  const { content } = request.body;
  if (typeof content !== "string" || !content.trim() || content.length > CONTENT_CHARS) {
    return refuse(response, 400, "A message needs a content", "bad-frame");
  }
  const message = post(request.room, request.user, content, new Date().toISOString());
  response.status(201).json(shownMessage(message, request.room));
});

for (let id = 1; id <= Number(options.people); id++) statements.addUser.run(id, `load-${id}`);
app.listen(Number(options.port), "127.0.0.1");
