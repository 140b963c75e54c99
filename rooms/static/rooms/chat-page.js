/** The chat page: leads what the server says to the parts of the page, and what one does on the page to the server. */

import { showBanner } from "./banners.js";
import { ChatClient, newId } from "./chat-client.js";
import { Composer } from "./composer.js";
import { ConnectionState } from "./connection-state.js";
import { Conversation } from "./conversation.js";
import { JoinedRoom } from "./joined-room.js";
import { byId, firstRoom, me, paintAvatar, recall, remember, say, sayError } from "./page.js";
import { People } from "./people.js";
import { PolledList } from "./polled-list.js";
import { RoomList, roomPath } from "./room-list.js";

const HISTORY_PAGE = 50;
const REFRESH_MS = 20_000;
const SPREAD_MS = 500;
const SPREAD_MS_PER_MEMBER = 20; // a thousand people who see somebody come do not all ask in the same second
const withFinePointer = matchMedia("(pointer: fine)");

const client = new ChatClient(undefined, { userId: me.id });
const rooms = new Map(); // name → JoinedRoom
let current = null;

const roomList = new RoomList({ onOpen: openRoom, onCreate: createRoom });
const conversation = new Conversation({ onOlder: loadOlder });
const composer = new Composer({ onSend: sendMessage });
const people = new People();
const connectionState = new ConnectionState({ onRetry: () => client.connect() });

// --- Going from room to room ---------------------------------------------------------------------------------------------

function openRoom(name) {
  history.pushState({ room: name }, "", roomPath(name));
  showRoom(name);
}

function showRoom(name) {
  current = name === null ? null : (rooms.get(name) ?? enterRoom(name));
  byId("app").dataset.view = current ? "room" : "rooms";
  conversation.show(current);
  people.close();
  roomList.clearFilter();
  if (current) {
    current.unread = 0;
    composer.show(name);
    if (withFinePointer.matches) composer.focus();
  }
  paint();
}

function enterRoom(name) {
  const room = new JoinedRoom(name);
  rooms.set(name, room);
  client.send("join-room", { roomId: name }).catch((error) => refuse(name, error));
  return room;
}

function refuse(name, error) {
  const room = rooms.get(name);
  if (!room) return;
  rooms.delete(name);
  room.refusal = sayError(error);
  paint();
}

async function createRoom(name) {
  try {
    const { roomId } = await client.send("create-room", { roomId: name }); // one that exists already is entered
    openRoom(roomId);
  } catch (error) {
    showBanner({ from: name, text: sayError(error) });
  }
}

function leaveRoom() {
  if (rooms.delete(current.name)) client.send("leave-room", { roomId: current.name }).catch(() => {});
  history.pushState({ room: null }, "", roomPath("."));
  showRoom(null);
}

// --- Messages ------------------------------------------------------------------------------------------------------------

function sendMessage(content) {
  const room = current;
  const clientId = newId();
  const post = () =>
    client.send("chat-message", { roomId: room.name, content, clientId }).then(
      (ack) => room.log.acknowledge(clientId, ack),
      (error) => room.log.fail(clientId, sayError(error)),
    );
  room.log.addUnsent({ clientId, content, onRetry: post, onDiscard: paint });
  conversation.follow();
  post();
}

async function loadOlder(room) {
  const before = room.log.oldestSeq;
  if (before === undefined) return false;
  try {
    const { messages } = await client.send("get-history", { roomId: room.name, before, limit: HISTORY_PAGE });
    room.addHistory(messages, HISTORY_PAGE);
    return true;
  } catch {
    return false; // scrolling on tries again
  }
}

function received(message) {
  const room = rooms.get(message.roomId);
  if (!room) return;
  if (!message.missed) room.people.set(message.user.id, message.user); // the author of a missed one may have left since
  if (!room.log.add(message)) return;
  const isMine = message.user.id === me.id;
  if (!isMine && (room !== current || document.hidden)) room.unread++;
  conversation.added(room, { isMessage: true });
  paintSoon();
}

function cameOrWent({ roomId, user, timestamp }, { key }) {
  const room = rooms.get(roomId);
  if (!room) return;
  if (key === "joined") room.people.set(user.id, user);
  else room.people.delete(user.id);
  room.memberCount += key === "joined" ? 1 : -1;
  room.log.addNotice(say(key, { name: user.username }), user, new Date(timestamp));
  conversation.added(room, { isMessage: false });
  paintSoon();
  refresh(SPREAD_MS + SPREAD_MS_PER_MEMBER * room.memberCount);
}

client.on("chat-message", received);
client.on("room-message", received);
client.on("message-edited", (frame) => rooms.get(frame.roomId)?.log.edit(frame));
client.on("room-reset", ({ roomId }) => rooms.get(roomId)?.log.clear());
client.on("message-deleted", ({ roomId, messageId }) => rooms.get(roomId)?.log.delete(messageId));
client.on("user-joined", (frame) => cameOrWent(frame, { key: "joined" }));
client.on("user-left", (frame) => cameOrWent(frame, { key: "left" }));
client.on("room-joined", ({ roomId, memberCount }) => {
  const room = rooms.get(roomId);
  if (!room) return;
  room.entered(memberCount);
  refresh(SPREAD_MS);
  paint();
});
client.on("message-history", (frame) => {
  const room = rooms.get(frame.roomId);
  if (!room || frame.id) return; // an answer goes to who asked
  room.addHistory(frame.messages, HISTORY_PAGE);
  conversation.added(room, { isMessage: false });
});
client.on("room-members", ({ roomId, memberCount }) => {
  const room = rooms.get(roomId);
  if (room) room.memberCount = memberCount;
  paintSoon();
});
client.on("room-lost", (frame) => refuse(frame.roomId, frame));
client.on("chat", ({ user, message }) => showBanner({ from: say("fromPerson", { name: user.username }), text: message }));
client.on("admin-message", (frame) =>
  showBanner({ from: say("fromAdmin", { name: frame.from }), text: frame.content, isOfficial: true }),
);

// --- Who is where --------------------------------------------------------------------------------------------------------

const listedRooms = new PolledList(async () => {
  const { rooms: listed } = await client.send("get-rooms");
  for (const { id, memberCount } of listed) if (rooms.has(id)) rooms.get(id).memberCount = memberCount;
  roomList.show({ rooms: listed, mine: rooms, current: current?.name ?? null });
  paint();
  return listed.length;
});

const onlinePeople = new PolledList(async () => {
  const { users } = await client.send("get-online-users");
  people.showOnline(users);
  return users.length;
});

function refresh(spreadMs = 0) {
  if (client.state !== "ready") return;
  listedRooms.soon(spreadMs);
  onlinePeople.soon(spreadMs);
}

// --- The page as a whole -------------------------------------------------------------------------------------------------

let paintTimer = null;

/** Paints once for all that comes within a moment; a timer, because hidden pages have no frames, but a title. */
function paintSoon() {
  paintTimer ??= setTimeout(paint, 50);
}

function paint() {
  clearTimeout(paintTimer);
  paintTimer = null;
  conversation.paint();
  people.showRoom(current);
  roomList.show({ mine: rooms, current: current?.name ?? null });
  remember("rooms", [...rooms.keys()]);
  const unread = [...rooms.values()].reduce((sum, room) => sum + room.unread, 0);
  document.title = [unread ? `(${unread}) ` : "", current ? `${current.name} · ` : "", say("title")].join("");
}

client.on("state", (frame) => {
  connectionState.show(frame);
  if (frame.state === "ready") refresh();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  if (current) current.unread = 0;
  paint();
  refresh();
});
setInterval(() => document.hidden || refresh(SPREAD_MS), REFRESH_MS);
addEventListener("popstate", ({ state }) => showRoom(state?.room ?? null));
addEventListener("beforeunload", (event) => {
  if ([...rooms.values()].some((room) => room.log.hasUnsent)) event.preventDefault();
});
for (const link of [byId("home"), byId("back")]) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    history.pushState({ room: null }, "", roomPath("."));
    showRoom(null);
  });
}
byId("leave").addEventListener("click", leaveRoom);
paintAvatar(byId("my-avatar"), me);

const start = firstRoom ?? history.state?.room ?? null;
history.replaceState({ room: start }, "");
for (const name of recall("rooms", [])) enterRoom(name);
showRoom(start);
client.connect();
