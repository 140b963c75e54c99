"""What somebody who enters a room is shown: the newest page, or what changed since they were last there."""

from typing import Any

import msgspec
import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rooms.errors import Banned, NoSuchRoom
from rooms.models import Message, Room
from rooms.services.changes import delete_message, edit_message
from rooms.services.history import Snapshot, page, snapshot
from rooms.services.posting import post_messages
from rooms.services.rooms import enter_room, remove_unused, renew_epochs
from tests.support.rooms import Run, World, Writers, begins_to_wait, from_now, restrict

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference
on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)  # where only several writers at once show it


def shown(read: Snapshot) -> list[Any]:
    history = msgspec.json.decode(read.history.payload)
    assert (history["type"], history["roomId"]) == ("message-history", "lobby")
    return list(history["messages"])


def enter(run: Run, world: World, **fields: Any) -> Snapshot:
    """What alice is shown of the public room."""
    found: Snapshot = run(lambda: snapshot(room=world.access(), **fields))
    return found


def test_a_snapshot_is_the_newest_page_up_to_its_head(run: Run, world: World) -> None:
    run(post_messages, [world.new(str(number)) for number in range(1, 61)])
    deleted = run(lambda: Message.objects.get(room=world.room, seq=60))
    run(delete_message, message_id=deleted.pk)
    read = enter(run, world)
    assert (read.head, read.recovered) == (61, False)
    assert [frame["seq"] for frame in shown(read)] == list(range(10, 60))


def test_an_empty_room_has_an_empty_snapshot(run: Run, world: World) -> None:
    read = enter(run, world)
    assert (read.head, read.epoch, shown(read)) == (0, world.room.epoch, [])


@on_sqlite
def test_a_page_that_has_an_edit_already_is_complete_up_to_it(run: Run, world: World) -> None:
    """The edit comes between the reading of the room's head and that of the page; else its event would follow."""
    [message] = run(post_messages, [world.new()])
    edits = []

    def edit_once(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.strip().startswith("SELECT") and "chat_rooms_message" in sql and not edits:
            edits.append(sql)
            edit_message(message_id=message.id, content="edited")
        return execute(sql, params, many, context)

    def read() -> Snapshot | None:
        with connection.execute_wrapper(edit_once):
            return snapshot(room=world.access())

    found = run(read)
    assert edits
    assert (found.head, [frame["content"] for frame in shown(found)]) == (2, ["edited"])


# --- Resuming ---------------------------------------------------------------------------------------------------------
def test_a_client_that_resumes_is_shown_what_changed(run: Run, world: World) -> None:
    one, _, three = run(post_messages, [world.new() for _ in range(3)])
    run(delete_message, message_id=one.id)
    read = enter(run, world, after=2)
    assert (read.head, read.recovered) == (4, True)
    assert [(frame["type"], frame["messageId"]) for frame in shown(read)] == [
        ("chat-message", str(three.id)),
        ("message-deleted", str(one.id)),
    ]
    nothing = enter(run, world, after=4)
    assert (nothing.head, nothing.recovered, shown(nothing)) == (4, True, [])


def test_a_thousand_missed_messages_are_read_by_one_statement(run: Run, world: World) -> None:
    run(post_messages, [world.new() for _ in range(1001)])

    def resume() -> tuple[Snapshot | None, list[str]]:
        room = world.access()
        with CaptureQueriesContext(connection) as queries:
            read = snapshot(room=room, after=1)
        read_messages = [query["sql"] for query in queries if "chat_rooms_message" in query["sql"]]
        return read, [sql for sql in read_messages if "chat_rooms_stream" not in sql]  # another one reads open streams

    read, statements = run(resume)
    assert (read.head, read.recovered) == (1001, True)
    assert [frame["seq"] for frame in shown(read)] == list(range(2, 1002))
    assert len(statements) == 1


@on_sqlite
@pytest.mark.parametrize(("after", "recovered"), [(0, False), (1, True), (4, True), (5, False), (10**15, False)])
def test_a_gap_beyond_the_limit_or_a_seq_of_the_future_gets_the_newest_page(
    run: Run, world: World, settings: LazySettings, after: int, recovered: bool
) -> None:
    settings.CHAT_RESUME_MESSAGES = 3
    run(post_messages, [world.new() for _ in range(4)])
    read = enter(run, world, after=after)
    assert (read.head, read.recovered, len(shown(read))) == (4, recovered, 4 - after if recovered else 4)


@on_sqlite
@pytest.mark.parametrize(("limit", "recovered"), [(0, True), (2_500, True), (2_499, False)])
def test_the_limit_of_missed_changes_may_be_any_number_and_zero_is_none(
    run: Run, world: World, settings: LazySettings, limit: int, recovered: bool
) -> None:
    settings.CHAT_RESUME_MESSAGES = limit
    run(post_messages, [world.new() for _ in range(2_500)])
    read = enter(run, world, after=0)
    assert (read.recovered, len(shown(read))) == (recovered, 2_500 if recovered else 50)


def test_a_seq_of_another_epoch_gets_the_newest_page(run: Run, world: World) -> None:
    run(post_messages, [world.new() for _ in range(3)])
    before = enter(run, world)
    assert enter(run, world, after=2, epoch=before.epoch).recovered
    assert run(renew_epochs) == 2
    read = enter(run, world, after=2, epoch=before.epoch)
    assert (read.recovered, len(shown(read))) == (False, 3)
    assert read.epoch != before.epoch
    assert enter(run, world, after=2, epoch=read.epoch).recovered


@on_sqlite
def test_a_client_that_names_no_epoch_resumes_in_the_present_one(run: Run, world: World) -> None:
    run(post_messages, [world.new() for _ in range(3)])
    assert enter(run, world, after=2, epoch=None).recovered


# --- Rooms that are gone ----------------------------------------------------------------------------------------------
@on_sqlite
def test_a_room_that_is_gone_has_no_snapshot(run: Run, world: World) -> None:
    for room in (run(world.access), run(enter_room, user_id=world.alice.pk, name="new")):
        run(lambda room=room: Room.objects.filter(pk=room.room_id).delete())
        assert run(snapshot, room=room) is None


@on_postgres
def test_somebody_who_enters_an_unused_room_while_it_is_removed_finds_it_gone(
    run: Run, world: World, writers: Writers
) -> None:
    """Presence is asked under the room's lock, before they were counted; their snapshot waits for that lock."""
    room = run(enter_room, user_id=world.alice.pk, name="new")
    entering = []

    def is_empty(_: int) -> bool:
        entering.append(begins_to_wait(run, writers(), snapshot, room=room))
        return True

    assert writers().run(remove_unused, room_id=room.room_id, is_empty=is_empty)
    assert entering[0].result(20) is None


# --- Pages ------------------------------------------------------------------------------------------------------------
def test_a_page_is_for_who_may_read_the_room(run: Run, world: World) -> None:
    run(post_messages, [world.new("open"), world.new("secret", room_id=world.private.pk)])
    assert [frame.content for frame in run(page, user_id=world.bob.pk, name="lobby", limit=50)] == ["open"]
    with pytest.raises(NoSuchRoom):
        run(page, user_id=world.bob.pk, name="private", limit=50)
    run(restrict, world.room, world.bob, banned_until=from_now(1))
    with pytest.raises(Banned):
        run(page, user_id=world.bob.pk, name="lobby", limit=50)


@on_sqlite
def test_a_page_has_at_most_200_messages(run: Run, world: World) -> None:
    run(post_messages, [world.new() for _ in range(201)])
    frames = run(page, user_id=world.alice.pk, name="lobby", limit=1_000)
    assert [frame.seq for frame in frames] == list(range(2, 202))


@on_sqlite
def test_a_page_before_or_after_a_seq_is_in_order(run: Run, world: World) -> None:
    run(post_messages, [world.new() for _ in range(9)])
    assert [frame.seq for frame in run(page, user_id=world.bob.pk, name="lobby", limit=2, before=5)] == [3, 4]
    assert [frame.seq for frame in run(page, user_id=world.bob.pk, name="lobby", limit=2, after=5)] == [6, 7]
