"""A page and the events after it make the same as a new page, under the rules of docs/protocol.md for clients."""

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from rooms.callers import Actor
from rooms.errors import Conflict
from rooms.live import topics
from rooms.live.events import Event
from rooms.models import Bot, Message, Stream
from rooms.services import changes, deletions, pins, reactions, room_settings, streams
from rooms.services.history import snapshot
from rooms.services.posting import post_messages, post_new
from rooms.services.stream_parts import NewPart
from rooms.services.stream_starts import new_stream
from tests.support.rooms import Run, World, frames
from tests.support.streams import make_bot

STEPS = 60
EMOJIS = ["👍", "🎉", "❤️"]
NAMES = ["", "", "@alice", "@bob", "@alice @bob", "@room"]
EXCERPT_CHARS = 120
Frame = dict[str, Any]


class Page:
    """What a client has on the screen: messages by id, as pages carry them."""

    def __init__(self, messages: list[Frame]) -> None:
        self.shown = {one["messageId"]: _plain(one) for one in messages if one["type"] != "message-append"}
        for text in messages:
            if text["type"] == "message-append":
                self.apply(text)

    def apply(self, frame: Frame) -> None:
        match frame["type"]:
            case "chat-message":
                self._add(frame)
            case "message-edited":
                self._replace(frame)
            case "message-deleted":
                self._remove([frame["messageId"]])
            case "messages-deleted":
                self._remove(self._of(frame))
            case "reaction":
                self._react(frame)
            case "message-append":
                self._append(frame)

    def _add(self, frame: Frame) -> None:
        self.shown[frame["messageId"]] = _plain(frame)
        root = self.shown.get(frame.get("replyTo", {}).get("rootId"))
        if root is not None and frame["seq"] > root.get("lastReplySeq", 0):
            root["replyCount"] = root.get("replyCount", 0) + 1

    def _replace(self, frame: Frame) -> None:
        if (before := self.shown.get(frame["messageId"])) is None:
            return
        kept = {key: before[key] for key in ("replyCount", "lastReplySeq") if key in before}
        if frame.get("streaming"):
            kept["content"] = before["content"]
        self.shown[frame["messageId"]] = _plain(frame) | kept
        for quote in self._quotes([frame["messageId"]]):
            quote["excerpt"] = frame["content"][:EXCERPT_CHARS]

    def _of(self, frame: Frame) -> list[str]:
        if "messageIds" in frame:
            return list(frame["messageIds"])
        theirs = [one for one in self.shown.values() if one["user"] == frame["user"]]
        return [one["messageId"] for one in theirs if one["seq"] < frame["changedSeq"] and "kind" not in one]

    def _remove(self, ids: list[str]) -> None:
        for message_id in ids:
            gone = self.shown.pop(message_id, None)
            root = self.shown.get(gone.get("replyTo", {}).get("rootId")) if gone else None
            if root is not None:
                root["replyCount"] -= 1
        for quote in self._quotes(ids):
            quote.pop("excerpt", None)
            quote["deleted"] = True

    def _quotes(self, ids: list[str]) -> list[Frame]:
        return [one["replyTo"] for one in self.shown.values() if one.get("replyTo", {}).get("messageId") in ids]

    def _append(self, frame: Frame) -> None:
        message = self.shown.get(frame["messageId"], {})
        if not message.get("streaming"):
            return
        known = message["content"]
        assert frame["offset"] <= len(known)
        message["content"] = known + frame["text"][len(known) - frame["offset"] :]

    def _react(self, frame: Frame) -> None:
        message = self.shown[frame["messageId"]]
        kinds = message.setdefault("reactions", [])
        kind = next((one for one in kinds if one["emoji"] == frame["emoji"]), None)
        if kind is None:
            kind = {"emoji": frame["emoji"], "users": []}
            kinds.append(kind)
        kind["count"] = frame["count"]
        others = [user for user in kind["users"] if user["id"] != frame["user"]["id"]]
        kind["users"] = [*others, frame["user"]] if frame["on"] else others
        message["reactions"] = [one for one in kinds if one["count"]]
        message["changedSeq"] = frame["changedSeq"]

    def settled(self) -> dict[str, Frame]:
        """Without what is only kept to count by."""
        found = {}
        for message_id, message in self.shown.items():
            seen = {key: value for key, value in message.items() if key != "lastReplySeq" and value}
            found[message_id] = seen
        return found


def _plain(message: Frame) -> Frame:
    return {key: value for key, value in message.items() if key != "type"}


def act(dice: random.Random, world: World) -> None:
    """One thing that somebody does in the lobby."""
    written = Message.objects.filter(room=world.room, deleted_at=None).exclude(kind=Message.Kind.SYSTEM)
    rows = list(written.order_by("seq").values_list("pk", flat=True))
    user = dice.choice([world.alice, world.bob])
    actor = Actor(user.pk, ("user",), "socket", user.username)
    moderator = Actor(user.pk, ("user", "moderator"), "socket", user.username)
    target = dice.choice(rows) if rows else None

    def post(reply_to: int | None = None) -> None:
        post_messages(
            [world.new(f"text {dice.random()} " * 9 + dice.choice(NAMES), reply_to=reply_to, author_id=user.pk)]
        )

    def react() -> None:
        fields = {"name": "lobby", "message_id": str(target), "emoji": dice.choice(EMOJIS)}
        reactions.react(actor=actor, on=dice.random() < 0.6, **fields)

    def pin() -> None:
        pins.pin_message(actor=moderator, name="lobby", message_id=str(target), on=dice.random() < 0.6)

    def update() -> None:
        room_settings.change_room(actor=actor, room_id=world.room.pk, topic=f"topic {dice.random()}")

    choices: dict[Callable[[], object], int] = {post: 4, update: 1}
    if target is not None:
        choices |= {
            lambda: post(target): 5,
            react: 6,
            pin: 3,
            lambda: changes.edit_message(message_id=target, content=f"edit {dice.random()} {dice.choice(NAMES)}"): 3,
            lambda: changes.delete_message(message_id=target): 1,
            lambda: deletions.erase_list(actor=actor, room_id=world.room.pk, ids=dice.choices(rows, k=2)): 1,
        }
    choices |= writing(dice, world)
    if len(rows) > 20:
        choices[lambda: deletions.erase_all_of(actor=actor, room_id=world.room.pk, user_id=user.pk)] = 1
    [chosen] = dice.choices(list(choices), weights=list(choices.values()))
    with suppress(Conflict):  # an edit of what is still being written
        chosen()


def writing(dice: random.Random, world: World) -> dict[Callable[[], object], int]:
    """What a bot does, and alice with what it writes."""
    bot, stream = Bot.objects.get(), dice.choice([None, *Stream.objects.order_by("pk")])
    if stream is None:
        return {lambda: post_new(new_stream(room_id=world.room.pk, author_id=bot.pk)): 2}
    text, message_id = f"piece {dice.random()} 🎉 ", str(stream.pk)
    part = NewPart(world.room.pk, stream.pk, bot.pk, stream.length, text)
    moderator = Actor(world.alice.pk, ("user", "moderator"), "socket", "alice")
    ends = {"name": "lobby", "message_id": message_id}
    return {
        lambda: streams.append_one(part): 9,
        lambda: streams.end(actor=Actor(bot.pk, ("user",)), interrupted=True, **ends): 1,
        lambda: streams.stop(actor=moderator, **ends): 1,
    }


@pytest.mark.parametrize("seed", range(5))
def test_events_make_of_a_page_what_a_new_page_has(run: Run, world: World, published: list[Event], seed: int) -> None:
    dice = random.Random(seed)

    def events() -> list[Event]:
        return [event for event in published if event.topic != topics.CONTROL]

    def messages(**fields: Any) -> list[Frame]:
        read = snapshot(room=world.access(), **fields)
        assert read is not None
        [history, *texts] = frames([Event("", one.payload) for one in (read.history, *read.texts)])
        return [*history["messages"], *texts]

    run(make_bot, world.room)
    for _ in range(10):
        run(act, dice, world)
    page, edge = Page(run(messages)), len(events())
    for _ in range(STEPS // 3):
        run(act, dice, world)
    resumed, gap = Page(run(messages)), len(events())
    for _ in range(STEPS // 3):
        run(act, dice, world)
    for frame in frames(events()[edge:]):
        page.apply(frame)
    after = max(event.seq for event in events()[:gap])
    for frame in run(messages, after=after):
        resumed.apply(frame)
    truth = Page(run(messages)).settled()
    oldest = min(message["seq"] for message in truth.values())  # a page has the newest 50
    for known in (page, resumed):
        found = {key: value for key, value in known.settled().items() if value["seq"] >= oldest}
        assert found.keys() == truth.keys()
        for key, message in truth.items():
            assert found[key] == message
