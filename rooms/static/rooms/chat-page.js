/** The page of all rooms: a list of them, one conversation, and the people. The rooms that were opened stay joined. */

import { paintAvatar } from "./avatar.js";
import { showBanner } from "./banners.js";
import "./chat-room.js";
import { isolated } from "./configuration.js";
import { ConnectionState } from "./connection-state.js";
import { openNotice } from "./dialog.js";
import { Members } from "./members.js";
import { concerns } from "./mention-text.js";
import { openMissed } from "./missed.js";
import { byId, configuration, me, say, sayError } from "./page.js";
import { People } from "./people.js";
import { PolledList } from "./polled-list.js";
import { RoomList, roomPath } from "./room-list.js";
import { openSearch } from "./search.js";
import { SharedChat } from "./shared-chat.js";
import { isSystem } from "./system-messages.js";
import { recall, remember } from "./tab-storage.js";

const REFRESH_MS = 20_000;
const SPREAD_MS = 500;
const SPREAD_MS_PER_MEMBER = 20; // a thousand people who see somebody come do not all ask in the same second
const PAGE = "page"; // what holds the joined rooms, besides the element
const withFinePointer = matchMedia("(pointer: fine)");

const chat = SharedChat.open(configuration);
const { client, rooms } = chat;
const conversation = byId("conversation");
let current = null;

const roomList = new RoomList({ onOpen: openRoom, onCreate: createRoom });
const people = new People(chat, { onMessage: openDirect });
const members = new Members(client);
let known = new Map(); // name → room, whole, as the server listed it
let unread = new Map(); // name → unread messages of rooms that I am a member of
let mentions = new Map(); // name → those of them that mention me
const connectionState = new ConnectionState({
  configuration,
  strip: byId("connection"),
  place: byId("state"),
  onRetry: () => client.connect(),
});

// --- Going from room to room ---------------------------------------------------------------------------------------------

function openRoom(name) {
  history.pushState({ room: name }, "", roomPath(name));
  showRoom(name);
}

function openNone() {
  history.pushState({ room: null }, "", roomPath("."));
  showRoom(null);
}

function showRoom(name) {
  current = name === null ? null : chat.hold(name, PAGE);
  byId("app").dataset.view = current ? "room" : "rooms";
  byId("welcome").hidden = Boolean(current);
  conversation.hidden = !current;
  people.close();
  roomList.clearFilter();
  if (current) {
    current.unread = 0;
    paintLabel();
    conversation.setAttribute("room", name);
    if (withFinePointer.matches) conversation.focus();
  } else conversation.removeAttribute("room");
  paint();
}

/** What a room is called: a direct one by the others in it. */
function labelOf(name) {
  const others = known.get(name)?.members?.filter(({ id }) => id !== me.id);
  return others ? others.map(configuration.sayName).join(", ") || say("somebody") : name;
}

const counts = { unread: unreadIn, mentions: mentionsIn };

/** What is unread in a room; nothing in the one that is being read. */
function unreadIn(name) {
  const room = rooms.get(name);
  if (room && room === current && !document.hidden && !chat.reading.isKept(room)) return 0;
  return room?.unread ?? unread.get(name) ?? 0;
}

function mentionsIn(name) {
  return unreadIn(name) && (mentions.get(name) ?? 0);
}

async function openDirect(user, near) {
  try {
    const { room } = await client.send("open-direct", { users: [configuration.reference(user)] });
    known.set(room.id, room);
    openRoom(room.id);
  } catch (error) {
    openNotice(near, { title: say("messagePerson", { name: user.username }), text: sayError(error), close: say("close") });
  }
}

async function createRoom(name) {
  try {
    const { roomId } = await client.send("create-room", { roomId: name }); // one that exists already is entered
    openRoom(roomId);
  } catch (error) {
    showBanner({ from: name, text: error.code === "conflict" ? say("nameTaken") : sayError(error) });
  }
}

function leaveRoom() {
  chat.release(current, PAGE);
  openNone();
}

// --- What comes ----------------------------------------------------------------------------------------------------------

function received(message) {
  if (isSystem(message)) return;
  const { roomId, user } = message;
  const room = rooms.get(roomId);
  const isRead = user.id === me.id || chat.blocks.has(user.id);
  if (room && !isRead && (room !== current || document.hidden)) room.unread++;
  if (user.id === me.id && known.get(roomId)?.role === undefined) refresh(SPREAD_MS); // it has made me a member
  if (!isRead && concerns(message, me)) unreadCounts.soon(SPREAD_MS);
  paintSoon();
}

function cameOrWent({ roomId }) {
  paintSoon();
  refresh(SPREAD_MS + SPREAD_MS_PER_MEMBER * (rooms.get(roomId)?.memberCount ?? 0));
}

client.on("chat-message", received);
client.on("room-message", received);
client.on("mention", ({ message }) => {
  if (!known.has(message.roomId)) listedRooms.soon(SPREAD_MS);
  unreadCounts.soon(SPREAD_MS);
});
client.on("user-joined", cameOrWent);
client.on("user-left", cameOrWent);
client.on("room-members", paintSoon);
client.on("room-added", ({ room }) => {
  known.set(room.id, room);
  if (room.kind === "direct") chat.hold(room.id, PAGE); // so that what the other one writes is seen at once
  paintSoon();
  refresh(SPREAD_MS);
});
for (const type of ["message-deleted", "messages-deleted"]) client.on(type, () => unreadCounts.soon(SPREAD_MS));
chat.addEventListener("marked", () => unreadCounts.soon(0));
client.on("room-removed", ({ roomId }) => {
  const room = known.get(roomId);
  if (room) known.set(roomId, { ...room, role: undefined });
  paintSoon();
  refresh(SPREAD_MS);
});
client.on("member-updated", (frame) => {
  const room = known.get(frame.roomId);
  if (room && frame.user.id === me.id) {
    known.set(frame.roomId, { ...room, role: frame.role });
    paint(); // before the list of members, which goes by one's own role
  }
  members.updated(frame);
});
client.on("room-updated", ({ room }) => {
  if (known.has(room.id)) known.set(room.id, { ...known.get(room.id), ...room });
  paintSoon();
});
client.on("room-joined", () => {
  refresh(SPREAD_MS);
  paint();
});
chat.addEventListener("refused", paint);
client.on("user-updated", ({ user, deleted }) => {
  if (user.id === me.id && !deleted) showMe(user);
  paintSoon(); // the list of who is online follows when it is fetched next: everybody hears of this at once
});
chat.addEventListener("blocks", () => {
  people.showBlocked();
  paint();
});
client.on("chat", ({ user, message }) => showBanner({ from: say("fromPerson", { name: user.username }), text: message }));
client.on("admin-message", (frame) =>
  showBanner({ from: say("fromAdmin", { name: frame.from }), text: frame.content, isOfficial: true }),
);

function showMe(user) {
  Object.assign(me, { avatar: undefined }, user);
  document.querySelector(".me-name").textContent = me.username;
  paintAvatar(byId("my-avatar"), me);
}

// --- Who is where --------------------------------------------------------------------------------------------------------

const listedRooms = new PolledList(async () => {
  const listed = [];
  for (let after = ""; after !== undefined; ) {
    const page = await client.send("get-rooms", after ? { after } : {});
    listed.push(...page.rooms);
    after = page.next;
  }
  known = new Map(listed.map((room) => [room.id, room]));
  for (const { id, memberCount, title, topic } of listed) {
    if (rooms.has(id)) Object.assign(rooms.get(id), { memberCount, title, topic });
  }
  if (current) chat.paint(current);
  roomList.show({ rooms: listed, mine: rooms, current: current?.name ?? null, ...counts, label: labelOf });
  paint();
  return listed.length;
});

/** Of the rooms that I am a member of the server counts; of others the page itself, while it is open. */
const unreadCounts = new PolledList(async () => {
  const { rooms: counted, hidden = false } = await client.send("get-unread");
  byId("hide-reads").checked = hidden;
  unread = new Map(counted.map((room) => [room.roomId, room.unread]));
  mentions = new Map(counted.map((room) => [room.roomId, room.mentions]));
  for (const [name, count] of unread) if (rooms.has(name)) rooms.get(name).unread = count;
  paint();
  return counted.length;
});

const onlinePeople = new PolledList(async () => {
  const { users } = await client.send("get-online-users");
  people.showOnline(users);
  return users.length;
});

function refresh(spreadMs = 0) {
  if (client.state !== "ready") return;
  listedRooms.soon(spreadMs);
  unreadCounts.soon(spreadMs);
  onlinePeople.soon(spreadMs);
}

// --- The page as a whole -------------------------------------------------------------------------------------------------

let paintTimer = null;

/** Paints once for all that comes within a moment; a timer, because hidden pages have no frames, but a title. */
function paintSoon() {
  paintTimer ??= setTimeout(paint, 50);
}

function paintLabel() {
  const label = labelOf(current.name);
  if (conversation.getAttribute("label") !== label) conversation.setAttribute("label", label);
}

function paint() {
  clearTimeout(paintTimer);
  paintTimer = null;
  const entered = current?.refusal ? null : current;
  people.showRoom(entered);
  members.show(entered?.name ?? null, entered ? known.get(entered.name) : null);
  roomList.show({ mine: rooms, current: current?.name ?? null, ...counts, label: labelOf });
  if (current) paintLabel();
  remember(me, "rooms", [...rooms.keys()]);
  const count = [...new Set([...rooms.keys(), ...unread.keys()])].reduce((sum, name) => sum + unreadIn(name), 0);
  document.title = [count ? `(${count}) ` : "", current ? `${isolated(labelOf(current.name))} · ` : "", say("title")].join("");
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
for (const link of [byId("home"), byId("back")]) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    openNone();
  });
}
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  conversation.focus();
});
byId("hide-reads").addEventListener("change", ({ target }) => {
  client.send("hide-reads", { on: target.checked }).catch((error) => {
    target.checked = !target.checked;
    showBanner({ from: say("title"), text: sayError(error) });
  });
});
byId("leave").addEventListener("click", leaveRoom);
byId("search").addEventListener("click", ({ currentTarget }) =>
  openSearch(currentTarget, { client, configuration, onOpen: openRoom, onPerson: openDirect }),
);
byId("missed").addEventListener("click", ({ currentTarget }) =>
  openMissed(currentTarget, { client, configuration, onOpen: openRoom, label: labelOf }),
);
showMe(me);
connectionState.show(client);

const start = conversation.getAttribute("room") ?? history.state?.room ?? null;
history.replaceState({ room: start }, "");
for (const name of recall(me, "rooms", [])) chat.hold(name, PAGE);
showRoom(start);
