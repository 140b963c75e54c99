"""Pins: who sets them, how many a room takes, what is no message to pin, and what a limited reader sees of them."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rooms import storage
from rooms.callers import Actor
from rooms.errors import Blocked, ChatError, Closed, Conflict, Forbidden, Muted, NoSuchMessage, NoSuchRoom
from rooms.live.events import Event
from rooms.models import AuditEntry, Membership, Message, Room
from rooms.services import blocks, changes, deletions, direct, pins
from rooms.services.history import page, snapshot
from rooms.services.posting import post_message, post_messages
from rooms.storage import StoredMessage
from tests.support.rooms import Run, World, Writers, begins_to_wait, frames, from_now, restrict, uncommitted

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference
on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)  # where only several writers at once show it


def acts(user: Any, *roles: str) -> Actor:
    return Actor(user.pk, ("user", *roles), "socket", user.username)


@pytest.fixture
def said(run: Run, world: World, published: list[Event]) -> StoredMessage:
    """By alice, in a room that bob moderates."""
    run(lambda: restrict(world.room, world.bob, role=Membership.Role.MODERATOR))
    [message] = run(post_messages, [world.new("the rules of this room")])
    published.clear()
    return message


def pin(run: Run, user: Any, said: StoredMessage, *, on: bool = True, **fields: Any) -> StoredMessage:
    values = {"actor": acts(user), "name": "lobby", "message_id": str(said.id), "on": on, **fields}
    pinned: StoredMessage = run(pins.pin_message, **values)
    return pinned


def pinned(run: Run, user: Any, **fields: Any) -> list[str]:
    values = {"actor": acts(user), "name": "lobby", "limit": 50, **fields}
    return [message.content for message in run(pins.page, **values)]


# --- Setting and taking away ------------------------------------------------------------------------------------------
def test_a_pin_is_a_change_of_its_message(run: Run, world: World, said: StoredMessage, published: list[Event]) -> None:
    change = pin(run, world.bob, said)
    assert (change.seq, change.changed_seq) == (1, 2)
    [frame] = frames(published)[:1]
    assert (frame["type"], frame["content"], frame["changedSeq"]) == ("message-edited", "the rules of this room", 2)
    assert "editedAt" not in frame
    [shown] = [one for one in run(page, user_id=world.alice.pk, name="lobby", limit=50) if one.kind is None]
    assert shown.pinned_at == frame["pinnedAt"]
    published.clear()
    change = pin(run, world.bob, said, on=False)
    [frame] = frames(published)
    assert (frame["type"], frame["changedSeq"]) == ("message-edited", change.changed_seq)
    assert "pinnedAt" not in frame
    assert pinned(run, world.alice) == []


def test_what_is_so_already_stays_so(run: Run, world: World, said: StoredMessage, published: list[Event]) -> None:
    assert pin(run, world.bob, said, on=False).changed_seq == 1
    first = pin(run, world.bob, said)
    published.clear()
    again = pin(run, world.bob, said)
    assert (again.changed_seq, again.pinned_at, published) == (first.changed_seq, first.pinned_at, [])


def test_pins_are_in_the_audit_log_once(run: Run, world: World, said: StoredMessage) -> None:
    for on in (True, True, False, False):
        pin(run, world.bob, said, on=on)
    entries = run(lambda: list(AuditEntry.objects.order_by("pk").values_list("action", "actor_name", "target_name")))
    assert entries == [("pin", "bob", "alice"), ("unpin", "bob", "alice")]
    details = run(lambda: AuditEntry.objects.values_list("details", flat=True).first())
    assert details == {"messageId": str(said.id), "seq": 1}


def test_an_edit_leaves_a_pin_and_a_deletion_takes_it_away(
    run: Run, world: World, said: StoredMessage, published: list[Event]
) -> None:
    pin(run, world.bob, said)
    run(changes.edit_message, message_id=said.id, content="other rules")
    assert pinned(run, world.alice) == ["other rules"]
    run(changes.delete_message, message_id=said.id)
    assert pinned(run, world.alice) == []
    [other] = run(post_messages, [world.new("more")])
    pin(run, world.bob, other)
    run(deletions.erase_list, actor=acts(world.bob), room_id=world.room.pk, ids=[other.id])
    assert run(lambda: Message.objects.exclude(pinned_at=None).count()) == 0


# --- Refusals ---------------------------------------------------------------------------------------------------------
@on_sqlite
@pytest.mark.parametrize(
    ("state", "refused"),
    [({"closed": True}, Closed), ({"muted": True}, Muted), ({"role": "member"}, Forbidden), ({"locked": True}, None)],
    ids=str,
)
def test_who_may_not_change_what_is_there_pins_nothing(
    run: Run, world: World, said: StoredMessage, state: dict[str, Any], refused: type[ChatError] | None
) -> None:
    def prepare() -> None:
        if "closed" in state:
            Room.objects.update(closed_at=from_now(0))
        Room.objects.update(locked="locked" in state)
        role = state.get("role", Membership.Role.MODERATOR)
        restrict(world.room, world.bob, role=role, muted_until=from_now(1) if "muted" in state else None)

    run(prepare)
    if refused is None:
        pin(run, world.bob, said)
        return
    with pytest.raises(refused):
        pin(run, world.bob, said)
    assert run(storage.message, message_id=said.id).pinned_at is None


def test_what_is_no_message_of_this_room_cannot_be_pinned(run: Run, world: World, said: StoredMessage) -> None:
    run(lambda: restrict(world.private, world.bob, role=Membership.Role.MODERATOR))
    for fields in ({"message_id": "999"}, {"message_id": "x"}, {"name": "private"}):
        with pytest.raises(NoSuchMessage):
            pin(run, world.bob, said, **fields)
    run(changes.delete_message, message_id=said.id)
    with pytest.raises(NoSuchMessage):
        pin(run, world.bob, said)


def test_in_a_direct_room_everybody_there_pins(run: Run, world: World, said: StoredMessage) -> None:
    room = run(direct.open_with, actor=acts(world.alice), user_ids=[world.bob.pk])
    message = run(post_message, room_id=room.room_id, author_id=world.alice.pk, content="our address")
    pin(run, world.bob, message, name=room.name)
    assert pinned(run, world.alice, name=room.name) == ["our address"]
    with pytest.raises(NoSuchRoom):
        run(pins.pin_message, actor=Actor(0, ("user", "admin"), "rest", "x"), name=room.name, message_id="1")
    run(blocks.set_block, user_id=world.alice.pk, username="bob", on=True)
    with pytest.raises(Blocked):
        pin(run, world.bob, message, name=room.name, on=False)


def test_a_room_takes_so_many_pins(run: Run, world: World, said: StoredMessage, settings: Any) -> None:
    settings.CHAT_MAX_PINS = 1
    [other] = run(post_messages, [world.new("more")])
    pin(run, world.bob, said)
    with pytest.raises(Conflict, match="1 pinned messages"):
        pin(run, world.bob, other)
    assert pin(run, world.bob, said).pinned_at
    pin(run, world.bob, said, on=False)
    pin(run, world.bob, other)
    settings.CHAT_MAX_PINS = 0
    pin(run, world.bob, said)
    assert pinned(run, world.alice) == ["the rules of this room", "more"]


@on_postgres
def test_two_at_once_do_not_exceed_the_limit(
    run: Run, world: World, said: StoredMessage, settings: Any, writers: Writers
) -> None:
    settings.CHAT_MAX_PINS = 1
    [other] = run(post_messages, [world.new("more")])
    with uncommitted(writers(), pins.set_pinned, actor=acts(world.bob), message=said):
        second = begins_to_wait(run, writers(), pins.set_pinned, actor=acts(world.bob), message=other)
    with pytest.raises(Conflict):
        second.result(20)


# --- Reading ----------------------------------------------------------------------------------------------------------
def test_pins_are_read_in_pages(run: Run, world: World, said: StoredMessage) -> None:
    stored = run(post_messages, [world.new(f"text {number}") for number in range(4)])
    for message in (stored[3], stored[0], stored[2]):
        pin(run, world.bob, message)
    assert pinned(run, world.alice) == ["text 0", "text 2", "text 3"]
    assert pinned(run, world.alice, limit=2) == ["text 2", "text 3"]
    assert pinned(run, world.alice, limit=2, before=stored[2].seq) == ["text 0"]
    with pytest.raises(NoSuchRoom):
        pinned(run, world.bob, name="private")


def test_a_reader_from_later_on_neither_sees_nor_pins_what_is_older(
    run: Run, world: World, said: StoredMessage
) -> None:
    [other] = run(post_messages, [world.new("more")])
    for message in (said, other):
        pin(run, world.bob, message)
    run(lambda: restrict(world.room, world.alice, role=Membership.Role.MODERATOR, visible_from_seq=said.seq))
    assert pinned(run, world.alice) == ["more"]
    with pytest.raises(NoSuchMessage):
        pin(run, world.alice, said)


@on_sqlite
def test_who_resumes_is_sent_the_pinned_message_whole(run: Run, world: World, said: StoredMessage) -> None:
    pin(run, world.bob, said)
    read = run(lambda: snapshot(room=world.access(), after=1))
    first = frames([Event("", read.history.payload)])[0]["messages"][0]
    assert first["type"] == "message-edited"
    assert first["pinnedAt"]


@on_sqlite
def test_pins_cost_as_many_statements_as_one(run: Run, world: World, said: StoredMessage) -> None:
    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            pins.page(actor=acts(world.alice), name="lobby", limit=50)
        return len(captured)

    pin(run, world.bob, said)
    few = run(statements)
    for message in run(post_messages, [world.new(f"text {number}") for number in range(10)]):
        pin(run, world.bob, message)
    assert run(statements) == few
