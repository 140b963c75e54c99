"""What the statements answer: the same typed rows on both databases."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from django.db import IntegrityError, connection, transaction

from rooms import storage
from rooms.models import Membership, Message, Room
from rooms.storage import NewMessage, Placed, PostContext, Repeated, RoomAccess, RoomEntry, RoomHead, StoredMessage
from tests.support.factories import make_message, make_room, make_user
from tests.support.rooms import Run, World, Writers, restrict, uncommitted

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)
MOMENTS = [
    MOMENT,
    MOMENT.replace(microsecond=0),  # SQLite writes no fraction then
    MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30))),
]
ODD_TEXTS = ["null", "NULL", "1", "1.5", "true", "", " ", "[]", '{"a": 1}', r"\N", "'; --", "%s", "\x01", "😀"]


def lookup(*messages: NewMessage) -> list[PostContext]:
    found: list[PostContext] = storage.dialect().lookup(list(messages))
    return found


def access_fields(row: RoomAccess | None) -> tuple[Any, ...]:
    """A row, or one that has more, as a plain tuple of what every access has."""
    assert isinstance(row, RoomAccess)
    return msgspec.structs.astuple(row)[: len(RoomAccess.__struct_fields__)]


def store(*messages: NewMessage, moment: datetime = MOMENT, wait: bool = True) -> list[Placed | None]:
    with storage.dialect().posting():
        placed: list[Placed | None] = storage.dialect().store(list(messages), [0] * len(messages), moment, wait=wait)
    return placed


def page(room: Room, **fields: Any) -> list[int]:
    return [message.seq for message in storage.page(room_id=room.pk, **{"limit": 50, **fields})]


# --- What the database knows of a new message -------------------------------------------------------------------------
def test_lookup_answers_in_the_order_of_the_list(run: Run, world: World) -> None:
    run(lambda: Membership.objects.create(room=world.room, user=world.bob, role="moderator"))
    batch = [
        world.new(author_id=world.bob.pk),
        world.new(room_id=world.private.pk),
        world.new(room_id=99_999),
        world.new(author_id=99_999),
        world.new(author_id=world.bob.pk),
    ]
    bob, alice, no_room, nobody, again = run(lookup, *batch)
    access = RoomAccess(
        room_id=world.room.pk, name="lobby", kind="public", last_seq=0, transient=False, closed=False, active=True,
        username="bob", role="moderator", banned_until=None, muted_until=None,
    )  # fmt: skip
    assert access_fields(bob.access) == access_fields(again.access) == access_fields(access)
    assert (alice.access.name, alice.access.role, alice.access.username) == ("private", "member", "alice")
    assert no_room == PostContext(None, None)
    assert (nobody.access.active, nobody.access.username, nobody.access.role) == (False, None, None)


def test_lookup_finds_the_message_that_has_the_client_id_in_any_room(run: Run, world: World) -> None:
    [placed] = run(store, world.new("first", "c", room_id=world.private.pk, kind="room-message"))
    batch = [world.new("x", "c"), world.new("x", "d"), world.new("x"), world.new("x", "c", author_id=world.bob.pk)]
    contexts = run(lookup, *batch)
    assert contexts[0].repeated == Repeated(
        id=placed.id, room_id=world.private.pk, room_name="private", seq=1, changed_seq=1, kind="room-message",
        author_id=world.alice.pk, username="alice", content="first", client_id="c", created_at=MOMENT,
    )  # fmt: skip
    assert [context.repeated for context in contexts[1:]] == [None, None, None]
    assert all(context.access.room_id == world.room.pk for context in contexts)


def test_lookup_of_nothing_is_nothing(run: Run, world: World) -> None:
    assert run(lookup) == []


# --- Storing ----------------------------------------------------------------------------------------------------------
def test_stored_messages_are_placed_in_the_order_of_the_list(run: Run, world: World) -> None:
    rooms = [world.room.pk, world.private.pk, world.room.pk, world.private.pk, world.room.pk]
    batch = [world.new(f"{number}", f"{9 - number}", room_id=room) for number, room in enumerate(rooms)]
    placed = run(store, *batch)
    assert [(place.room_id, place.seq) for place in placed] == list(zip(rooms, [1, 1, 2, 2, 3], strict=True))
    for number, place in enumerate(placed):
        message = run(storage.message, message_id=place.id)
        assert (message.content, message.seq, message.room_id) == (f"{number}", place.seq, place.room_id)
    assert [place.seq for place in run(store, *batch[:0], world.new(), world.new())] == [4, 5]


@pytest.mark.parametrize("field", ["closed_at", "removed_at"])
def test_a_room_that_was_closed_or_removed_since_lookup_stores_nothing(run: Run, world: World, field: str) -> None:
    run(lambda: Room.objects.filter(pk=world.room.pk).update(**{field: MOMENT}))
    placed = run(store, world.new(), world.new(room_id=world.private.pk), world.new())
    assert [place and place.seq for place in placed] == [None, 1, None]
    assert run(Message.objects.count) == 1
    assert run(lambda: Room.objects.get(pk=world.room.pk).last_seq) == 0


def test_a_room_that_does_not_exist_stores_nothing(run: Run, world: World) -> None:
    assert run(store, world.new(room_id=99_999)) == [None]


def test_a_client_id_that_is_stored_already_is_an_integrity_error_and_takes_no_seq(run: Run, world: World) -> None:
    run(store, world.new("a", "c"))
    with pytest.raises(IntegrityError):
        run(store, world.new("b", "d"), world.new("c", "c", room_id=world.private.pk))
    assert run(Message.objects.count) == 1
    assert run(lambda: sorted(room.last_seq for room in Room.objects.all())) == [0, 1]


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_without_waiting_a_room_locked_by_another_transaction_stores_nothing(
    run: Run, world: World, writers: Writers
) -> None:
    with uncommitted(writers(), lambda: Room.objects.select_for_update().get(pk=world.room.pk)):
        placed = run(store, world.new(), world.new(room_id=world.private.pk), wait=False)
    assert placed[0] is None
    assert placed[1].seq == 1
    assert run(store, world.new(), wait=False)[0].seq == 1, "no seq was lost"


# --- Values -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_moments_come_back_as_they_are_in_utc(run: Run, world: World, moment: datetime) -> None:
    [placed] = run(store, world.new("hi", "c"), moment=moment)
    run(lambda: Message.objects.filter(pk=placed.id).update(edited_at=moment, deleted_at=moment))
    run(restrict, world.room, world.alice, banned_until=moment, muted_until=moment)
    run(lambda: Room.objects.filter(pk=world.room.pk).update(created_at=moment))
    message = run(storage.message, message_id=placed.id)
    [context] = run(lookup, world.new("hi", "c"))
    entry = run(storage.entry_by_name, user_id=world.alice.pk, name="lobby")
    moments = [
        message.created_at, message.edited_at, message.deleted_at, context.repeated.created_at,
        context.repeated.deleted_at, context.access.banned_until, context.access.muted_until,
        entry.created_at, entry.banned_until, entry.muted_until,
    ]  # fmt: skip
    assert moments == [moment] * 10
    assert {found.utcoffset() for found in moments} == {timedelta(0)}
    assert run(lambda: Message.objects.get(pk=placed.id).created_at) == moment, "the ORM reads the same"


@pytest.mark.parametrize("text", ODD_TEXTS, ids=repr)
def test_texts_come_back_as_they_are(run: Run, world: World, text: str) -> None:
    user = run(lambda: make_user(f"{text}" if text.isalnum() else "user"))
    run(store, world.new(text, text, author_id=user.pk))
    run(lambda: Room.objects.filter(pk=world.room.pk).update(title=text))
    [message] = run(storage.page, room_id=world.room.pk, limit=1)
    [context] = run(lookup, world.new(text, text, author_id=user.pk))
    assert (message.content, message.client_id, message.username) == (text, text, user.username)
    assert context.repeated == Repeated(*msgspec.structs.astuple(message))
    assert context.access.username == user.username
    assert run(storage.entry_by_name, user_id=user.pk, name="lobby").title == text


def test_truths_come_back_as_truths(run: Run, world: World) -> None:
    def make() -> None:
        make_room("visited", transient=True, closed_at=MOMENT)
        make_user("gone", is_active=False)

    run(make)
    gone = run(lambda: make_user("again", is_active=False))
    visited = run(storage.access_by_name, user_id=gone.pk, name="visited")
    lobby = run(storage.access_by_name, user_id=world.alice.pk, name="lobby")
    assert [(room.transient, room.closed, room.active) for room in (visited, lobby)] == [
        (True, True, False),
        (False, False, True),
    ]
    assert {type(value) for value in (visited.transient, visited.closed, visited.active)} == {bool}


def test_large_numbers_come_back_as_they_are(run: Run, world: World) -> None:
    run(lambda: Room.objects.filter(pk=world.room.pk).update(last_seq=2**53 - 1, pruned_seq=2**53 - 2))
    assert run(store, world.new())[0].seq == 2**53
    head = run(storage.room_head, room_id=world.room.pk)
    assert head == RoomHead(2**53, 2**53 - 2, world.room.epoch)


def test_a_message_without_client_id_and_author_has_none(run: Run, world: World) -> None:
    run(store, world.new("hi", author_id=world.bob.pk))
    run(world.bob.delete)
    [message] = run(storage.page, room_id=world.room.pk, limit=1)
    assert message == StoredMessage(
        id=message.id, room_id=world.room.pk, room_name="lobby", seq=1, changed_seq=1, kind="chat-message",
        author_id=None, username=None, content="hi", client_id=None, created_at=MOMENT,
    )  # fmt: skip


def test_every_read_of_a_message_answers_the_same(run: Run, world: World) -> None:
    [placed] = run(store, world.new("hi", "c"))
    message = run(storage.message, message_id=placed.id)
    assert run(storage.page, room_id=world.room.pk, limit=1) == [message]
    assert run(storage.changes, room_id=world.room.pk, after=0) == [message]
    assert run(storage.message, message_id=99_999) is None


# --- Access and rooms -------------------------------------------------------------------------------------------------
def test_every_read_of_access_answers_the_same(run: Run, world: World) -> None:
    for user in (world.alice, world.bob):
        access = run(storage.access_by_id, user_id=user.pk, room_id=world.private.pk)
        assert access == run(storage.access_by_name, user_id=user.pk, name="private")
        [context] = run(lookup, world.new(room_id=world.private.pk, author_id=user.pk))
        assert access_fields(context.access) == access_fields(access)
        entry = run(storage.entry_by_name, user_id=user.pk, name="private")
        assert isinstance(entry, RoomEntry)
        assert access_fields(entry) == access_fields(access)


def test_nothing_finds_a_removed_room_or_one_that_does_not_exist(run: Run, world: World) -> None:
    run(lambda: Room.objects.filter(pk=world.room.pk).update(removed_at=MOMENT))
    for room_id, name in ((world.room.pk, "lobby"), (99_999, "nowhere")):
        assert run(storage.access_by_id, user_id=world.alice.pk, room_id=room_id) is None
        assert run(storage.access_by_name, user_id=world.alice.pk, name=name) is None
        assert run(storage.entry_by_name, user_id=world.alice.pk, name=name) is None
        assert run(storage.room_head, room_id=room_id) is None
        assert run(lookup, world.new(room_id=room_id)) == [PostContext(None, None)]
    assert [room.name for room in run(storage.rooms_by_name, user_id=world.alice.pk, after="", limit=None)] == [
        "private"
    ]


def test_rooms_are_listed_by_name_public_ones_and_the_users_own(run: Run, world: World) -> None:
    def names(user_id: int, after: str = "", limit: int | None = None) -> list[str]:
        return [room.name for room in storage.rooms_by_name(user_id=user_id, after=after, limit=limit)]

    run(lambda: make_room("attic", kind="private"))
    run(lambda: make_room("cellar"))
    assert run(names, world.alice.pk) == ["cellar", "lobby", "private"]
    assert run(names, world.bob.pk) == ["cellar", "lobby"]
    assert run(names, world.alice.pk, "", 2) == ["cellar", "lobby"]
    assert run(names, world.alice.pk, "cellar", 1) == ["lobby"]
    assert run(names, world.alice.pk, "private", 1) == []


# --- Pages ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def ten(run: Run, world: World) -> Room:
    """A room with ten messages, of which the fifth is deleted (as change 11) and the second edited (as change 12)."""

    def make() -> None:
        for seq in range(1, 11):
            make_message(world.room, world.alice, changed_seq={5: 11, 2: 12}.get(seq, seq))
        Message.objects.filter(room=world.room, seq=5).update(deleted_at=MOMENT)
        make_message(make_room("other"), world.alice)

    run(make)
    return world.room


@pytest.mark.parametrize(
    ("fields", "seqs"),
    [
        ({}, [1, 2, 3, 4, 6, 7, 8, 9, 10]),
        ({"limit": 3}, [8, 9, 10]),
        ({"limit": 3, "before": 8}, [4, 6, 7]),
        ({"limit": 3, "before": 1}, []),
        ({"limit": 3, "after": 3}, [4, 6, 7]),
        ({"limit": 3, "after": 0}, [1, 2, 3]),
        ({"limit": 3, "after": 10}, []),
        ({"limit": 3, "after": 2, "before": 9}, [6, 7, 8]),
        ({"after": 2, "before": 4}, [3]),
    ],
)
def test_a_page_is_read_by_key_oldest_first(run: Run, ten: Room, fields: dict[str, int], seqs: list[int]) -> None:
    assert run(page, ten, **fields) == seqs


def test_changes_are_in_their_order_deleted_messages_included(run: Run, ten: Room) -> None:
    changed = run(storage.changes, room_id=ten.pk, after=8)
    assert [(message.seq, message.changed_seq) for message in changed] == [(9, 9), (10, 10), (5, 11), (2, 12)]
    assert changed[2].deleted_at == MOMENT
    assert [message.seq for message in run(storage.changes, room_id=ten.pk, after=8, limit=3)] == [9, 10, 5]


# --- Transactions -----------------------------------------------------------------------------------------------------
def test_what_is_stored_is_part_of_the_transaction_around_it(run: Run, world: World) -> None:
    def store_and_roll_back() -> None:
        with transaction.atomic():
            store(world.new())
            transaction.set_rollback(True)

    run(store_and_roll_back)
    assert run(Message.objects.count) == 0
    assert run(lambda: Room.objects.get(pk=world.room.pk).last_seq) == 0


def test_storing_leaves_no_transaction_open(run: Run, world: World, writers: Writers) -> None:
    def store_and_look() -> bool:
        store(world.new())
        return connection.in_atomic_block

    assert not run(store_and_look)
    assert writers().run(store, world.new())[0].seq == 2, "another writer is not locked out"


def test_a_commit_that_a_constraint_refuses_leaves_no_transaction_open(run: Run, world: World) -> None:
    with pytest.raises(IntegrityError):
        run(lambda: store(world.new(author_id=99_999)))
    [placed] = run(lambda: store(world.new()))
    assert placed == Placed(world.room.pk, 1, placed.id)
