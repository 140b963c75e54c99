// The peer: a plain chat server as one writes it with Node's `ws`, a map of rooms and a loop over each room's members.
// It speaks just enough of our base protocol to be measured. Each event is encoded once, not once for each member.
//
//   node server.js --port 9000 [--batch] [--redis redis://…] [--heartbeat 30] [--quiet-joins]

import { parseArgs } from "node:util";
import { createClient } from "redis";
import { WebSocket, WebSocketServer } from "ws";

const BATCH_MESSAGES = 20;
const BATCH_INTERVAL_MS = 100;
const HISTORY_MESSAGES = 50;

const { values: options } = parseArgs({
  options: {
    port: { type: "string" },
    batch: { type: "boolean", default: false }, // up to 20 messages of 100 ms in one frame
    redis: { type: "string" }, // keep the history in Redis lists instead of memory
    heartbeat: { type: "string", default: "30" },
    "quiet-joins": { type: "boolean", default: false }, // tell no member of who joins or leaves
  },
});

const rooms = new Map();
const redis = options.redis ? await createClient({ url: options.redis }).connect() : null;
let people = 0;

const now = () => new Date().toISOString();
const encode = (event) => Buffer.from(JSON.stringify(event));
const reply = (socket, event) => socket.send(encode(event), { binary: false });

function broadcast(room, event, except) {
  const bytes = encode(event);
  for (const member of room.members) {
    if (member !== except && member.readyState === WebSocket.OPEN) member.send(bytes, { binary: false });
  }
}

function roomOf(roomId) {
  let room = rooms.get(roomId);
  if (!room) rooms.set(roomId, (room = { members: new Set(), history: [], waiting: [], timer: null }));
  return room;
}

async function store(roomId, room, message) {
  if (redis) {
    const key = `history:${roomId}`;
    await Promise.all([redis.rPush(key, JSON.stringify(message)), redis.lTrim(key, -HISTORY_MESSAGES, -1)]);
  } else {
    room.history.push(message);
    if (room.history.length > HISTORY_MESSAGES) room.history.shift();
  }
}

async function history(roomId, room) {
  if (!redis) return room.history;
  return (await redis.lRange(`history:${roomId}`, 0, -1)).map((text) => JSON.parse(text));
}

function gather(roomId, room, message) {
  room.waiting.push(message);
  if (room.waiting.length >= BATCH_MESSAGES) flush(roomId, room);
  else room.timer ??= setTimeout(flush, BATCH_INTERVAL_MS, roomId, room);
}

function flush(roomId, room) {
  clearTimeout(room.timer);
  room.timer = null;
  broadcast(room, { type: "message-batch", roomId, messages: room.waiting, timestamp: now() });
  room.waiting = [];
}

const handlers = {
  ping: (socket) => reply(socket, { type: "pong" }),

  auth(socket) {
    socket.user = { id: String(++people), username: `user-${people}` };
    reply(socket, { type: "auth-success", user: { ...socket.user, roles: ["user"] } });
  },

  async "join-room"(socket, { roomId }) {
    const room = roomOf(roomId);
    room.members.add(socket);
    socket.rooms.add(roomId);
    if (!options["quiet-joins"]) {
      broadcast(room, { type: "user-joined", roomId, user: socket.user, timestamp: now() }, socket);
    }
    reply(socket, { type: "room-joined", roomId, memberCount: room.members.size });
    reply(socket, { type: "message-history", roomId, messages: await history(roomId, room) });
  },

  async "chat-message"(socket, { id, roomId, content }) {
    const room = roomOf(roomId);
    const message = { type: "chat-message", roomId, user: socket.user, content, timestamp: now() };
    await store(roomId, room, message);
    if (id) reply(socket, { type: "ack", id, roomId, timestamp: message.timestamp });
    if (options.batch) gather(roomId, room, message);
    else broadcast(room, message);
  },
};

function leave(socket) {
  for (const roomId of socket.rooms) {
    const room = roomOf(roomId);
    room.members.delete(socket);
    if (!room.members.size) rooms.delete(roomId);
    else if (!options["quiet-joins"]) {
      broadcast(room, { type: "user-left", roomId, user: socket.user, timestamp: now() });
    }
  }
}

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(options.port), backlog: 2048 });

server.on("connection", (socket) => {
  socket.rooms = new Set();
  socket.alive = true;
  socket.on("pong", () => (socket.alive = true));
  socket.on("error", () => socket.terminate());
  socket.on("close", () => leave(socket));
  socket.on("message", (data) => {
    const command = JSON.parse(data);
    handlers[command.type]?.(socket, command);
  });
  reply(socket, { type: "welcome", message: "Welcome", timestamp: now() });
});

setInterval(() => {
  for (const socket of server.clients) {
    if (!socket.alive) socket.terminate();
    socket.alive = false;
    socket.ping();
  }
}, Number(options.heartbeat) * 1000);
