"""Rooms on both databases: made, entered, closed, removed."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
from django.utils import timezone

from rooms import access
from rooms.errors import BadFrame, Banned, Closed, Conflict, NoSuchRoom
from rooms.live import control, topics
from rooms.live.control import RoomChanged
from rooms.live.events import Event
from rooms.models import Membership, Message, Room
from rooms.services import rooms
from rooms.services.history import snapshot
from rooms.services.posting import post_messages
from rooms.services.room_settings import set_closed
from rooms.services.rooms import (
    create_room,
    enter_room,
    heads,
    purge,
    remove_room,
    remove_unused,
    removed_rooms,
    renew_epochs,
    room_names,
    unused_rooms,
)
from tests.support.factories import make_message, make_room
from tests.support.rooms import Run, World, Writers, at_once, begins_to_wait, from_now, restrict, uncommitted
from tests.support.servers import Database

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference
on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)  # where only several writers at once show it


def empty(_: int) -> bool:
    return True


def changed_rooms(published: list[Event]) -> list[int]:
    """The rooms whose members every process was asked to check again."""
    controls = [control.decode(event.payload) for event in published if event.topic == topics.CONTROL]
    return [found.room_id for found in controls if isinstance(found, RoomChanged)]


def exists(room_id: int) -> bool:
    return Room.objects.filter(pk=room_id).exists()


# --- Made -------------------------------------------------------------------------------------------------------------
def test_a_created_room_stays_and_belongs_to_its_maker(run: Run, world: World) -> None:
    room, created = run(create_room, user_id=world.alice.pk, name="cafe\u0301", title="Café")
    assert (room.name, room.title, created, room.transient) == ("caf\u00e9", "Café", True, False)
    assert run(lambda: [(found.user_id, found.role) for found in room.memberships.all()]) == [
        (world.alice.pk, Membership.Role.OWNER)
    ]
    again, created = run(create_room, user_id=world.bob.pk, name="caf\u00e9", title="Mine")
    assert (again.pk, again.title, created) == (room.pk, "Café", False)
    assert run(room.memberships.count) == 1
    with pytest.raises(BadFrame):
        run(create_room, user_id=world.alice.pk, name="no name")


def test_of_several_who_create_a_room_at_once_one_has_created_it(run: Run, world: World, writers: Writers) -> None:
    made: list[bool] = []

    def make(writer: Database) -> None:
        names = [f"new-{number}" for number in range(5)]
        made.extend(writer.run(create_room, user_id=world.alice.pk, name=name)[1] for name in names)

    at_once(*(partial(make, writers()) for _ in range(3)))
    assert (made.count(True), len(made)) == (5, 15)
    assert run(lambda: Room.objects.filter(name__startswith="new-").count()) == 5


@pytest.mark.parametrize(("kind", "said"), [("public", False), ("public", True), ("private", False)])
def test_a_room_made_by_joining_is_claimed_by_who_creates_it(
    run: Run, world: World, published: list[Event], kind: str, said: bool
) -> None:
    entered = run(enter_room, user_id=world.bob.pk, name="new")
    if said:
        run(post_messages, [world.new(room_id=entered.room_id)])
    published.clear()
    room, created = run(create_room, user_id=world.alice.pk, name="new", title="New", kind=kind)
    assert (room.pk, created) == (entered.room_id, True)
    stored = run(Room.objects.get, pk=room.pk)
    assert (stored.transient, stored.title, stored.kind, stored.created_by_id) == (False, "New", kind, world.alice.pk)
    assert run(lambda: stored.memberships.get().role) == Membership.Role.OWNER
    assert changed_rooms(published) == [room.pk], "who is in it may not be any more"


def test_a_room_in_which_something_was_said_cannot_be_claimed_as_a_private_one(
    run: Run, world: World, published: list[Event]
) -> None:
    entered = run(enter_room, user_id=world.bob.pk, name="new")
    run(post_messages, [world.new(room_id=entered.room_id, author_id=world.bob.pk)])
    published.clear()
    room, created = run(create_room, user_id=world.alice.pk, name="new", kind="private")
    assert (room.pk, room.kind, room.transient, created) == (entered.room_id, "public", True, False)
    assert run(lambda: room.memberships.get().user_id) == world.bob.pk
    assert published == []


@on_postgres
def test_of_two_who_claim_a_room_at_once_one_gets_it(run: Run, world: World, writers: Writers) -> None:
    run(enter_room, user_id=world.bob.pk, name="new")
    with uncommitted(writers(), create_room, user_id=world.alice.pk, name="new", title="Hers"):
        second = begins_to_wait(run, writers(), create_room, user_id=world.bob.pk, name="new", title="His")
        assert not second.done()
    room, created = second.result(20)
    assert (room.title, created) == ("Hers", False)
    assert run(lambda: room.memberships.get().user_id) == world.alice.pk


@on_sqlite
def test_a_room_is_claimed_once(run: Run, world: World) -> None:
    run(enter_room, user_id=world.bob.pk, name="new")
    assert run(create_room, user_id=world.alice.pk, name="new")[1]
    assert not run(create_room, user_id=world.bob.pk, name="new", title="Mine")[1]
    assert run(lambda: Room.objects.get(name="new").title) == ""


# --- Names that look alike --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("twin", ["ӀоЬЬу", "Lobby", "ｌｏｂｂｙ", "ＬＯＢＢＹ"])
def test_no_room_is_made_under_a_name_that_looks_like_another(run: Run, world: World, twin: str) -> None:
    for make in (create_room, enter_room):
        with pytest.raises(Conflict, match="This name is taken"):
            run(make, user_id=world.bob.pk, name=twin)
    assert run(Room.objects.count) == 2
    assert run(enter_room, user_id=world.bob.pk, name="lobby").room_id == world.room.pk
    run(remove_room, room_id=world.room.pk)
    assert run(create_room, user_id=world.bob.pk, name=twin)[1]


@on_sqlite
def test_letters_of_ascii_that_look_alike_make_two_rooms(run: Run, world: World) -> None:
    names = ["room1", "rooml", "user0", "userO", "corn", "com", "l1", "ll"]
    assert all(run(create_room, user_id=world.bob.pk, name=name)[1] for name in names)


@on_sqlite
def test_a_name_whose_letters_stand_for_too_many_is_refused(run: Run, world: World) -> None:
    with pytest.raises(BadFrame):
        run(enter_room, user_id=world.bob.pk, name="ﷺ" * 20)
    assert run(enter_room, user_id=world.bob.pk, name="한" * 80).name == "한" * 80


def test_of_two_who_make_names_that_look_alike_at_once_one_does(run: Run, world: World, writers: Writers) -> None:
    outcomes: list[object] = []

    def make(writer: Database, name: str) -> None:
        try:
            outcomes.append(writer.run(create_room, user_id=world.alice.pk, name=name)[1])
        except Conflict as error:
            outcomes.append(error.code)

    at_once(*(partial(make, writers(), name) for name in ("scope", "ѕсоре")))
    assert sorted(map(str, outcomes)) == ["True", "conflict"]


# --- Entered ----------------------------------------------------------------------------------------------------------
@on_sqlite
def test_entering_a_room_that_does_not_exist_makes_it_until_it_is_unused(run: Run, world: World) -> None:
    room = run(enter_room, user_id=world.alice.pk, name="new")
    assert room.transient
    assert run(lambda: Room.objects.get(name="new").created_by_id) == world.alice.pk
    assert run(enter_room, user_id=world.bob.pk, name="new").room_id == room.room_id
    assert not run(enter_room, user_id=world.bob.pk, name="lobby").transient


def test_entering_a_room_keeps_the_rule_of_access(run: Run, world: World) -> None:
    assert run(enter_room, user_id=world.alice.pk, name="private").room_id == world.private.pk
    with pytest.raises(Conflict, match="This name is taken"):
        run(enter_room, user_id=world.bob.pk, name="private")
    run(restrict, world.room, world.bob, banned_until=from_now(1))
    with pytest.raises(Banned):
        run(enter_room, user_id=world.bob.pk, name="lobby")
    run(restrict, world.room, world.bob, banned_until=from_now(-1))
    assert run(enter_room, user_id=world.bob.pk, name="lobby").room_id == world.room.pk


@on_sqlite
def test_a_private_room_that_is_created_while_somebody_enters_the_name_stays_hidden(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, made = access.find_room, []

    def find_nothing_at_first(user_id: int, name: str) -> Any:
        if not made:
            made.append(make_room(name, kind=Room.Kind.PRIVATE))
            return None
        return find(user_id, name)

    monkeypatch.setattr(access, "find_room", find_nothing_at_first)
    with pytest.raises(Conflict, match="This name is taken"):
        run(enter_room, user_id=world.bob.pk, name="new")


# --- Closed -----------------------------------------------------------------------------------------------------------
def test_a_closed_room_can_be_read_and_opened_again(run: Run, world: World) -> None:
    run(post_messages, [world.new()])
    run(set_closed, room_id=world.room.pk)
    closed_at = run(Room.objects.get, pk=world.room.pk).closed_at
    run(set_closed, room_id=world.room.pk)
    assert run(Room.objects.get, pk=world.room.pk).closed_at == closed_at, "closed once"
    room = run(enter_room, user_id=world.alice.pk, name="lobby")
    assert room.closed
    assert len(msgspec.json.decode(run(snapshot, room=room).history.payload)["messages"]) == 2, "and that it was closed"
    [refused] = run(post_messages, [world.new()])
    assert isinstance(refused, Closed)
    run(set_closed, room_id=world.room.pk, on=False)
    [answer] = run(post_messages, [world.new()])
    assert answer.seq == 4


# --- Asked about ------------------------------------------------------------------------------------------------------
@on_sqlite
def test_heads_and_names_are_those_of_the_rooms_asked_for(run: Run, world: World) -> None:
    run(post_messages, [world.new(), world.new()])
    assert run(heads, room_ids=[world.room.pk, 99_999]) == {world.room.pk: 2}
    assert run(room_names, room_ids=[world.room.pk, 99_999]) == {world.room.pk: "lobby"}
    assert run(heads, room_ids=[]) == run(room_names, room_ids=[]) == {}
    run(remove_room, room_id=world.room.pk)
    assert run(heads, room_ids=[world.room.pk, world.private.pk]) == {world.private.pk: 0}


def test_every_room_has_an_epoch_that_is_renewed_after_a_restored_backup(run: Run, world: World) -> None:
    def epochs() -> list[str]:
        return [room.epoch for room in Room.objects.order_by("pk")]

    before = run(epochs)
    assert run(renew_epochs) == 2
    after = run(epochs)
    assert len(set(before)) == 2
    assert not set(before) & set(after)


# --- Unused rooms -----------------------------------------------------------------------------------------------------
def test_rooms_are_unused_when_made_by_joining_a_while_ago_and_nothing_was_said(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    unused, said = (run(enter_room, user_id=world.alice.pk, name=name).room_id for name in ("unused", "said"))
    run(post_messages, [world.new(room_id=said)])
    assert run(unused_rooms) == [], "all are new"
    monkeypatch.setattr(rooms, "UNUSED_AFTER", -timedelta(minutes=1))
    assert run(unused_rooms) == [unused]


def test_an_unused_room_is_removed_when_nobody_is_there(run: Run, world: World) -> None:
    room_id = run(enter_room, user_id=world.alice.pk, name="new").room_id
    asked: list[int] = []

    def with_somebody(room_id: int) -> bool:
        asked.append(room_id)
        return False

    assert not run(remove_unused, room_id=room_id, is_empty=with_somebody)
    assert run(exists, room_id)
    assert run(remove_unused, room_id=room_id, is_empty=empty)
    assert not run(exists, room_id)
    assert not run(remove_unused, room_id=room_id, is_empty=with_somebody)
    assert asked == [room_id]


@on_sqlite
def test_any_other_room_stays(run: Run, world: World) -> None:
    used = run(enter_room, user_id=world.alice.pk, name="new").room_id
    run(post_messages, [world.new(room_id=used)])
    for room_id in (used, world.room.pk):
        assert not run(remove_unused, room_id=room_id, is_empty=empty)
        assert run(exists, room_id)


@on_sqlite
def test_a_room_whose_presence_cannot_be_asked_stays(run: Run, world: World) -> None:
    def away(_: int) -> bool:
        raise TimeoutError

    room_id = run(enter_room, user_id=world.alice.pk, name="new").room_id
    with pytest.raises(TimeoutError):
        run(remove_unused, room_id=room_id, is_empty=away)
    assert run(exists, room_id)


@on_postgres
@pytest.mark.parametrize("use", ["message", "claim", "snapshot"])
def test_what_begins_while_an_unused_room_is_removed_finds_it_gone(
    run: Run, world: World, writers: Writers, use: str
) -> None:
    room = run(enter_room, user_id=world.bob.pk, name="new")
    uses: dict[str, Callable[[], Any]] = {
        "message": lambda: post_messages([world.new(room_id=room.room_id)]),
        "claim": lambda: create_room(user_id=world.alice.pk, name="new"),
        "snapshot": lambda: snapshot(room=room),
    }
    started: list[Any] = []

    def is_empty(_: int) -> bool:
        started.append(begins_to_wait(run, writers(), uses[use]))
        assert not started[0].done(), "the room is locked before presence is asked"
        return True

    assert writers().run(remove_unused, room_id=room.room_id, is_empty=is_empty)
    answer = started[0].result(20)
    if use == "claim":
        created, is_mine = answer
        assert is_mine
        assert run(exists, created.pk), "another room of this name"
        assert run(created.memberships.count) == 1
    elif use == "message":
        assert answer[0].retryable
    else:
        assert answer is None


@on_postgres
@pytest.mark.parametrize("use", ["message", "claim"])
def test_what_is_not_yet_committed_keeps_an_unused_room(run: Run, world: World, writers: Writers, use: str) -> None:
    """The removal waits for it and looks again."""
    room_id = run(enter_room, user_id=world.bob.pk, name="new").room_id
    uses: dict[str, Callable[[], Any]] = {
        "message": lambda: post_messages([world.new(room_id=room_id)]),
        "claim": lambda: create_room(user_id=world.alice.pk, name="new"),
    }
    with uncommitted(writers(), uses[use]):
        removal = begins_to_wait(run, writers(), remove_unused, room_id=room_id, is_empty=empty)
        assert not removal.done()
    assert removal.result(20) is False
    assert run(exists, room_id)


# --- Removed rooms ----------------------------------------------------------------------------------------------------
def test_nobody_finds_a_removed_room_and_its_name_is_free(run: Run, world: World, published: list[Event]) -> None:
    run(post_messages, [world.new()])
    published.clear()
    run(remove_room, room_id=world.room.pk)
    assert changed_rooms(published) == [world.room.pk]
    with pytest.raises(NoSuchRoom):
        run(access.room, world.alice.pk, "lobby")
    assert run(removed_rooms) == [world.room.pk]
    room, created = run(create_room, user_id=world.bob.pk, name="lobby")
    assert created
    assert room.pk != world.room.pk


@on_sqlite
def test_a_room_is_removed_once(run: Run, world: World) -> None:
    run(remove_room, room_id=world.room.pk)
    removed_at = run(Room.objects.get, pk=world.room.pk).removed_at
    run(remove_room, room_id=world.room.pk)
    run(remove_room, room_id=99_999)
    assert run(Room.objects.get, pk=world.room.pk).removed_at == removed_at


@on_sqlite
def test_a_name_that_a_client_can_write_is_never_that_of_a_removed_room(run: Run, world: World) -> None:
    run(remove_room, room_id=world.room.pk)
    name = run(Room.objects.get, pk=world.room.pk).name
    with pytest.raises(BadFrame):
        run(access.room, world.alice.pk, name)


def test_a_removed_room_is_deleted_in_steps(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "ROWS_AT_ONCE", 2)
    run(post_messages, [world.new() for _ in range(5)])
    run(post_messages, [world.new(room_id=world.private.pk)])
    run(remove_room, room_id=world.room.pk)
    left = []
    while run(purge, room_id=world.room.pk):
        left.append(run(lambda: Message.objects.filter(room=world.room.pk).count()))
    assert left == [3, 1, 0]
    assert not run(exists, world.room.pk)
    assert run(Message.objects.count) == 1, "other rooms keep theirs"
    assert not run(purge, room_id=world.room.pk)


@on_sqlite
def test_a_room_that_is_not_removed_is_not_purged(run: Run, world: World) -> None:
    run(lambda: make_message(world.room, world.alice))
    assert not run(purge, room_id=world.room.pk)
    assert run(Message.objects.count) == 1


@on_postgres
def test_a_room_that_another_process_purges_is_left_to_it(run: Run, world: World, writers: Writers) -> None:
    run(post_messages, [world.new()])
    run(remove_room, room_id=world.room.pk)
    with uncommitted(writers(), purge, room_id=world.room.pk):
        assert not run(purge, room_id=world.room.pk)
        assert run(exists, world.room.pk)
    assert run(Message.objects.count) == 0


@on_sqlite
def test_a_purged_room_leaves_no_membership(run: Run, world: World) -> None:
    run(remove_room, room_id=world.private.pk)
    run(purge, room_id=world.private.pk)
    assert run(Membership.objects.count) == 0
    assert run(lambda: Room.objects.filter(removed_at__lt=timezone.now()).count()) == 0
