"""Every write use case of rooms, on both databases: who may, what is stored, in which order, and what is told of it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import msgspec
import psycopg
import pytest
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from psycopg import sql

from chatsite.errors import BadFrame, Banned, ChatError, Forbidden, Muted, NoSuchRoom, TooLarge, Unavailable
from rooms import protocol, services
from rooms.delivery.events import Event
from rooms.models import Membership, Message, Room
from rooms.services import NewMessage
from tests.support.factories import make_room, make_user
from tests.support.machine import wait_until
from tests.support.servers import Database

Run = Callable[..., Any]
Writers = Callable[[], Database]
on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference
on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)  # where only several writers at once show it


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def writers(url: str, django_db_blocker: Any) -> Iterator[Callable[[], Database]]:
    """Makes one more thread with a connection of its own, as another process would have it."""
    with ExitStack() as stack:

        def make() -> Database:
            database = Database(url, django_db_blocker)
            stack.callback(database.close)
            return database

        yield make


@pytest.fixture
def run(writers: Writers) -> Run:
    return writers().run


@pytest.fixture
def world(run: Run) -> SimpleNamespace:
    """Alice and bob, a public room and a private one of alice's."""

    def make() -> SimpleNamespace:
        alice, bob, private = make_user("alice"), make_user("bob"), make_room("private", kind=Room.Kind.PRIVATE)
        Membership.objects.create(room=private, user=alice)
        return SimpleNamespace(alice=alice, bob=bob, room=make_room("hall"), private=private)

    found: SimpleNamespace = run(make)
    return found


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    events: list[Event] = []
    monkeypatch.setattr(services, "publish", events.extend)
    return events


def new(world: SimpleNamespace, content: str = "hi", client_id: str | None = None, **fields: Any) -> NewMessage:
    return NewMessage(
        **{"room_id": world.room.pk, "author_id": world.alice.pk, **fields}, content=content, client_id=client_id
    )


def restrict(run: Run, room: Room, user: Any, **fields: Any) -> None:
    run(lambda: Membership.objects.update_or_create(room=room, user=user, defaults=fields))


def in_an_hour() -> Any:
    return timezone.now() + timedelta(hours=1)


def an_hour_ago() -> Any:
    return timezone.now() - timedelta(hours=1)


def frames(events: list[Event]) -> list[Any]:
    return [msgspec.json.decode(event.payload) for event in events]


def shown(snapshot: services.Snapshot) -> list[Any]:
    history = msgspec.json.decode(snapshot.history.payload)
    assert (history["type"], history["roomId"]) == ("message-history", "hall")
    return list(history["messages"])


def waiting_for_locks(run: Run) -> int:
    """How many writers PostgreSQL lets wait for another one."""

    def count() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            return int(cursor.fetchone()[0])

    return int(run(count))


def at_once(*tasks: Callable[[], None]) -> None:
    barrier = Barrier(len(tasks))

    def start(task: Callable[[], None]) -> None:
        barrier.wait(10)
        task()

    with ThreadPoolExecutor(len(tasks)) as threads:
        list(threads.map(start, tasks))


# --- Posting ----------------------------------------------------------------------------------------------------------
def test_messages_take_the_rooms_next_seqs_and_are_told_in_order(
    run: Run, world: SimpleNamespace, published: list[Event]
) -> None:
    batch = [new(world, "one"), new(world, "elsewhere", room_id=world.private.pk), new(world, "two", "c")]
    answers = run(services.post_messages, batch)
    assert [(answer.room_id, answer.seq, answer.content) for answer in answers] == [
        (world.room.pk, 1, "one"),
        (world.private.pk, 1, "elsewhere"),
        (world.room.pk, 2, "two"),
    ]
    assert run(lambda: Room.objects.get(pk=world.room.pk).last_seq) == 2
    assert [(event.topic, event.seq) for event in published] == [
        (f"room.{world.room.pk}", 1),
        (f"room.{world.private.pk}", 1),
        (f"room.{world.room.pk}", 2),
    ]
    assert frames(published)[2] == {
        "type": "chat-message",
        "roomId": "hall",
        "user": {"id": str(world.alice.pk), "username": "alice"},
        "content": "two",
        "timestamp": protocol.timestamp(answers[2].created_at),
        "messageId": str(answers[2].pk),
        "seq": 2,
        "changedSeq": 2,
        "clientId": "c",
    }


@on_sqlite
def test_what_was_told_is_what_is_stored(run: Run, world: SimpleNamespace, published: list[Event]) -> None:
    text = "हिन्दी <b>😀</b>\n" + "x" * 3_000
    run(services.post_messages, [new(world, text, kind="room-message")])
    [stored] = run(Message.objects.page, world.room.pk, limit=50)
    assert stored.content == text
    assert frames(published) == [msgspec.to_builtins(services.message_frame(stored, "hall"))]
    assert frames(published)[0]["type"] == "room-message"


def test_what_fails_in_its_midst_stores_and_tells_nothing(
    run: Run, world: SimpleNamespace, published: list[Event]
) -> None:
    batch = [new(world, "good", room_id=world.private.pk), new(world, "good"), new(world, "bad", kind=None)]
    with pytest.raises(Unavailable):  # the rooms have given their seqs when the row without a kind is refused
        run(services.post_messages, batch)
    assert published == []
    assert run(Message.objects.count) == 0
    assert run(lambda: {room.last_seq for room in Room.objects.all()}) == {0}


@on_sqlite
@pytest.mark.parametrize("part", ["change_event", "publish"])
def test_what_fails_after_the_commit_does_not_unsay_a_message(
    run: Run, world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the loop is closed")

    monkeypatch.setattr(services, part, fail)
    [answer] = run(services.post_messages, [new(world)])
    assert answer.seq == 1


@on_sqlite
def test_posting_nothing_is_nothing(run: Run, world: SimpleNamespace, published: list[Event]) -> None:
    assert run(services.post_messages, []) == []
    assert published == []


def test_each_is_refused_for_its_own_reason_and_harms_no_other(
    run: Run, world: SimpleNamespace, published: list[Event]
) -> None:
    gone = run(lambda: make_user("gone", is_active=False))
    closed = run(lambda: make_room("closed", closed_at=timezone.now()))
    restrict(run, world.private, world.bob, banned_until=in_an_hour())
    muted = run(make_user, "muted")
    restrict(run, world.room, muted, muted_until=in_an_hour())
    batch = [
        new(world, "one"),
        new(world, room_id=99_999),
        new(world, author_id=99_999),
        new(world, author_id=gone.pk),
        new(world, room_id=closed.pk),
        new(world, room_id=world.private.pk, author_id=world.bob.pk),
        new(world, room_id=world.private.pk, author_id=muted.pk),
        new(world, author_id=muted.pk),
        new(world, "two", author_id=world.bob.pk),
    ]
    first, *refused, last = run(services.post_messages, batch)
    assert [type(answer) for answer in refused] == [NoSuchRoom, Banned, Banned, Forbidden, Banned, NoSuchRoom, Muted]
    assert (first.seq, last.seq) == (1, 2), "what is refused takes no seq"
    assert [frame["content"] for frame in frames(published)] == ["one", "two"]
    assert 3_500_000 < refused[-1].retry_after_ms <= 3_600_000


@on_sqlite
def test_a_mute_and_a_ban_end(run: Run, world: SimpleNamespace) -> None:
    restrict(run, world.room, world.bob, muted_until=an_hour_ago(), banned_until=an_hour_ago())
    [answer] = run(services.post_messages, [new(world, author_id=world.bob.pk)])
    assert answer.seq == 1


@on_sqlite
def test_one_message_is_posted_or_its_refusal_raised(run: Run, world: SimpleNamespace) -> None:
    who = {"room_id": world.room.pk, "author_id": world.alice.pk}
    assert run(services.post_message, **who, content="hi").seq == 1
    with pytest.raises(NoSuchRoom):
        run(services.post_message, **{**who, "room_id": 99_999}, content="hi")


@pytest.mark.parametrize(
    ("content", "error"), [("", BadFrame), (" \n", BadFrame), ("a\0b", BadFrame), ("x" * 4_001, TooLarge)]
)
def test_content_outside_the_rule_is_refused(
    sqlite_url: str, django_db_blocker: Any, content: str, error: type[ChatError]
) -> None:
    with pytest.raises(error):
        services.post_message(room_id=1, author_id=1, content=content)


# --- The same message twice -------------------------------------------------------------------------------------------
def test_a_repeated_client_id_stores_nothing_and_answers_the_first(
    run: Run, world: SimpleNamespace, published: list[Event]
) -> None:
    [first] = run(services.post_messages, [new(world, "once", "c")])
    [second] = run(services.post_messages, [new(world, "twice", "c", room_id=world.private.pk)])
    assert (second.pk, second.seq, second.content, second.room_id) == (first.pk, 1, "once", world.room.pk)
    assert (first.repeated, second.repeated) == (False, True)
    assert len(published) == 1
    assert run(lambda: Room.objects.get(pk=world.private.pk).last_seq) == 0


def test_a_client_id_repeated_within_a_batch_stores_one(
    run: Run, world: SimpleNamespace, published: list[Event]
) -> None:
    first, second, third = run(
        services.post_messages, [new(world, "a", "c"), new(world, "b", "c"), new(world, "c", "d")]
    )
    assert (first.pk, first.content) == (second.pk, "a")
    assert (third.seq, len(published)) == (2, 2)


@on_sqlite
def test_a_client_id_is_its_authors_own(run: Run, world: SimpleNamespace) -> None:
    batch = [new(world, client_id="c"), new(world, client_id="c", author_id=world.bob.pk), new(world), new(world)]
    assert [answer.seq for answer in run(services.post_messages, batch)] == [1, 2, 3, 4]


@on_sqlite
def test_a_repeated_message_is_acknowledged_though_its_author_was_muted_since(run: Run, world: SimpleNamespace) -> None:
    run(services.post_messages, [new(world, client_id="c")])
    restrict(run, world.room, world.alice, muted_until=in_an_hour())
    [again, fresh] = run(services.post_messages, [new(world, client_id="c"), new(world, client_id="d")])
    assert again.seq == 1
    assert isinstance(fresh, Muted)


# --- Many writers at once ---------------------------------------------------------------------------------------------
def test_many_writers_leave_no_hole_and_no_double(run: Run, world: SimpleNamespace, writers: Writers) -> None:
    rooms = (world.room.pk, world.private.pk)

    def post(writer: Database, number: int) -> None:
        for turn in range(8):
            order = rooms if (turn + number) % 2 else rooms[::-1]
            batch = [new(world, client_id=f"{number}-{turn}-{room}", room_id=room) for room in order]
            answers = writer.run(services.post_messages, [*batch, batch[0]])
            assert not [answer for answer in answers if isinstance(answer, ChatError)]

    at_once(*(partial(post, writers(), number) for number in range(4)))
    for room in rooms:
        messages = Message.objects.filter(room=room)
        assert run(lambda messages=messages: sorted(message.seq for message in messages)) == list(range(1, 33))
        assert run(Room.objects.get, pk=room).last_seq == 32


def test_the_same_client_id_in_two_rooms_at_once_is_stored_once(
    run: Run, world: SimpleNamespace, writers: Writers
) -> None:
    rooms = (world.room.pk, world.private.pk)
    answers: dict[int, list[int]] = {}

    def post(writer: Database, room: int) -> None:
        batches = [[new(world, client_id=f"c{number}", room_id=room)] for number in range(30)]
        answers[room] = [writer.run(services.post_messages, batch)[0].pk for batch in batches]

    at_once(*(partial(post, writers(), room) for room in rooms))
    assert run(Message.objects.count) == 30
    assert answers[rooms[0]] == answers[rooms[1]]


@on_postgres
def test_writers_of_each_others_client_ids_do_not_wait_for_each_other(
    run: Run, world: SimpleNamespace, writers: Writers, url: str
) -> None:
    """Two batches in crossed order, each held up in its midst by a third writer who then gives up."""
    third = run(make_room)
    batches = [
        [new(world, client_id=client_id) for client_id in ("a", "m", "z")],
        [new(world, client_id=client_id, room_id=world.private.pk) for client_id in ("z", "n", "a")],
    ]
    with psycopg.connect(url) as other, ThreadPoolExecutor(2) as threads:
        for seq, client_id in enumerate(("m", "n"), start=1):
            other.execute(
                "INSERT INTO rooms_message (room_id, seq, changed_seq, kind, author_id, content, client_id, created_at)"
                " VALUES (%s, %s, %s, 'chat-message', %s, '', %s, now())",
                [third.pk, seq, seq, world.alice.pk, client_id],
            )
        posting = [threads.submit(writers().run, services.post_messages, batch) for batch in batches]
        wait_until(lambda: waiting_for_locks(run) == 2, what="both wait")
        other.rollback()
        one, two = ([answer.client_id for answer in post.result(20)] for post in posting)
    assert (one, two) == (["a", "m", "z"], ["z", "n", "a"])
    assert run(Message.objects.count) == 4


# --- Changing and deleting --------------------------------------------------------------------------------------------
def test_a_deleted_message_leaves_no_text_and_keeps_its_place(
    run: Run, world: SimpleNamespace, published: list[Event]
) -> None:
    one, two = run(services.post_messages, [new(world, "secret"), new(world, "two")])
    published.clear()
    run(services.delete_message, message_id=one.pk)
    stored = run(Message.objects.get, pk=one.pk)
    assert (stored.content, stored.seq, stored.changed_seq) == ("", 1, 3)
    assert [message.pk for message in run(Message.objects.page, world.room.pk, limit=50)] == [two.pk]
    assert [event.seq for event in published] == [3]
    assert frames(published) == [
        {"type": "message-deleted", "roomId": "hall", "messageId": str(one.pk), "seq": 1, "changedSeq": 3}
    ]


@on_sqlite
def test_deleting_twice_or_what_is_not_there_is_nothing(
    run: Run, world: SimpleNamespace, published: list[Event]
) -> None:
    [message] = run(services.post_messages, [new(world)])
    for _ in range(2):
        run(services.delete_message, message_id=message.pk)
    run(services.delete_message, message_id=99_999)
    assert [event.seq for event in published] == [1, 2]
    assert run(lambda: Room.objects.get(pk=world.room.pk).last_seq) == 2


@on_sqlite
def test_an_edited_message_is_told_whole(run: Run, world: SimpleNamespace, published: list[Event]) -> None:
    [message] = run(services.post_messages, [new(world, "frist")])
    run(services.edit_message, message_id=message.pk, content="first")
    told = frames(published)[-1]
    assert (told["type"], told["content"], told["seq"], told["changedSeq"]) == ("message-edited", "first", 1, 2)
    assert published[-1].seq == 2
    with pytest.raises(BadFrame):
        run(services.edit_message, message_id=message.pk, content=" ")


@on_sqlite
def test_a_deleted_message_cannot_be_edited(run: Run, world: SimpleNamespace, published: list[Event]) -> None:
    [message] = run(services.post_messages, [new(world)])
    run(services.delete_message, message_id=message.pk)
    run(services.edit_message, message_id=message.pk, content="back again")
    assert run(Message.objects.get, pk=message.pk).content == ""
    assert len(published) == 2


def test_a_message_outlives_its_author(run: Run, world: SimpleNamespace) -> None:
    [message] = run(services.post_messages, [new(world, client_id="c", author_id=world.bob.pk)])
    run(world.bob.delete)
    [stored] = run(Message.objects.page, world.room.pk, limit=50)
    assert stored.pk == message.pk
    assert services.message_frame(stored, "hall").user == protocol.UserRef("0", "deleted user")


# --- What changed since -----------------------------------------------------------------------------------------------
def test_changes_are_what_was_told_in_the_end(run: Run, world: SimpleNamespace, published: list[Event]) -> None:
    one, two, _ = run(services.post_messages, [new(world, text) for text in ("one", "two", "three")])
    run(services.delete_message, message_id=two.pk)
    run(services.edit_message, message_id=one.pk, content="ONE")
    head, events = run(services.changes, room_id=world.room.pk, after=2)
    assert head == 5
    assert [(frame["type"], frame["seq"], frame["changedSeq"]) for frame in frames(events)] == [
        ("chat-message", 3, 3),
        ("message-deleted", 2, 4),
        ("message-edited", 1, 5),
    ]
    assert events == [published[2], published[3], published[4]]
    assert run(services.changes, room_id=world.room.pk, after=5) == (5, [])
    assert run(services.changes, room_id=99_999, after=3) == (3, [])


@on_sqlite
def test_a_message_that_was_new_and_changed_is_told_to_those_who_have_it_and_to_those_who_have_not(
    run: Run, world: SimpleNamespace
) -> None:
    """The ones are shown the message, the others, whose snapshot had it already, the change alone: by their seqs."""
    one, two, _ = run(services.post_messages, [new(world, text) for text in ("one", "two", "three")])
    run(services.edit_message, message_id=two.pk, content="TWO")
    run(services.delete_message, message_id=one.pk)
    head, events = run(services.changes, room_id=world.room.pk, after=0)
    assert (head, [event.seq for event in events]) == (5, [2, 3, 4, 5])
    assert [(frame["type"], frame["seq"], frame["changedSeq"]) for frame in frames(events)] == [
        ("chat-message", 2, 2),
        ("chat-message", 3, 3),
        ("message-edited", 2, 4),
        ("message-deleted", 1, 5),
    ]
    assert {frame["content"] for frame in frames(events) if frame["seq"] == 2} == {"TWO"}


@on_sqlite
def test_changes_come_in_pages_that_are_complete_as_far_as_they_say(run: Run, world: SimpleNamespace) -> None:
    run(services.post_messages, [new(world) for _ in range(5)])
    head, events = run(services.changes, room_id=world.room.pk, after=1, limit=2)
    assert (head, [event.seq for event in events]) == (3, [2, 3])
    head, events = run(services.changes, room_id=world.room.pk, after=3, limit=2)
    assert (head, [event.seq for event in events]) == (5, [4, 5])


@on_sqlite
def test_changes_reach_the_head_where_messages_have_vanished(run: Run, world: SimpleNamespace) -> None:
    """Somebody removed rows by hand: who waits for their seqs must not wait for ever."""
    messages = run(services.post_messages, [new(world) for _ in range(3)])
    run(lambda: Message.objects.get(pk=messages[2].pk).delete())
    assert run(services.changes, room_id=world.room.pk, after=2) == (3, [])


# --- Rooms ------------------------------------------------------------------------------------------------------------
def test_a_made_room_stays_and_belongs_to_its_maker(run: Run, world: SimpleNamespace) -> None:
    room, created = run(services.create_room, user_id=world.alice.pk, name="cafe\u0301", title="Café")
    assert (room.name, room.title, created, room.transient) == ("caf\u00e9", "Café", True, False)
    assert run(lambda: room.memberships.get().user_id) == world.alice.pk
    again, created = run(services.create_room, user_id=world.bob.pk, name="caf\u00e9")
    assert (again.pk, created) == (room.pk, False)
    assert run(room.memberships.count) == 1
    with pytest.raises(BadFrame):
        run(services.create_room, user_id=world.alice.pk, name="no name")


def test_of_two_who_make_a_room_at_once_one_has_made_it(run: Run, world: SimpleNamespace, writers: Writers) -> None:
    made: list[bool] = []

    def make(writer: Database) -> None:
        names = [f"new-{number}" for number in range(5)]
        made.extend(writer.run(services.create_room, user_id=world.alice.pk, name=name)[1] for name in names)

    at_once(*(partial(make, writers()) for _ in range(3)))
    assert (made.count(True), len(made)) == (5, 15)
    assert run(lambda: Room.objects.filter(name__startswith="new-").count()) == 5


@on_sqlite
def test_entering_a_room_that_is_not_there_makes_it_for_the_visit(run: Run, world: SimpleNamespace) -> None:
    room = run(services.enter_room, user_id=world.alice.pk, name="new")
    assert (room.transient, room.created_by_id) == (True, world.alice.pk)
    assert run(services.enter_room, user_id=world.bob.pk, name="new").pk == room.pk
    assert not run(services.enter_room, user_id=world.bob.pk, name="hall").transient


def test_who_may_not_enter_a_room_is_told_so(run: Run, world: SimpleNamespace) -> None:
    assert run(services.enter_room, user_id=world.alice.pk, name="private") == world.private
    with pytest.raises(NoSuchRoom):
        run(services.enter_room, user_id=world.bob.pk, name="private")
    restrict(run, world.room, world.bob, banned_until=in_an_hour())
    with pytest.raises(Banned):
        run(services.enter_room, user_id=world.bob.pk, name="hall")
    restrict(run, world.room, world.bob, banned_until=an_hour_ago())
    assert run(services.enter_room, user_id=world.bob.pk, name="hall") == world.room


@on_sqlite
def test_a_closed_room_can_be_read_and_opened_again(run: Run, world: SimpleNamespace) -> None:
    run(services.post_messages, [new(world)])
    run(services.close_room, room_id=world.room.pk)
    closed_at = run(Room.objects.get, pk=world.room.pk).closed_at
    run(services.close_room, room_id=world.room.pk)
    assert run(Room.objects.get, pk=world.room.pk).closed_at == closed_at, "closed once"
    room = run(services.enter_room, user_id=world.alice.pk, name="hall")
    assert len(shown(run(services.snapshot, room=room))) == 1
    [refused] = run(services.post_messages, [new(world)])
    assert isinstance(refused, Forbidden)
    run(services.reopen_room, room_id=world.room.pk)
    [answer] = run(services.post_messages, [new(world)])
    assert answer.seq == 2


# --- Snapshots --------------------------------------------------------------------------------------------------------
def test_a_snapshot_is_the_newest_page_up_to_its_head(run: Run, world: SimpleNamespace) -> None:
    run(services.post_messages, [new(world, str(number)) for number in range(1, 61)])
    deleted = run(lambda: Message.objects.get(room=world.room, seq=60))
    run(services.delete_message, message_id=deleted.pk)
    snapshot = run(services.snapshot, room=world.room)
    assert (snapshot.head, snapshot.recovered) == (61, False)
    assert [frame["seq"] for frame in shown(snapshot)] == list(range(10, 60))


@on_sqlite
def test_a_page_that_has_an_edit_already_is_complete_up_to_it(run: Run, world: SimpleNamespace) -> None:
    """Between the reading of the room's head and that of the page; else the edit's event would follow once more."""
    [message] = run(services.post_messages, [new(world)])
    edits = []

    def edit_once(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("SELECT") and "rooms_message" in sql and not edits:
            edits.append(sql)
            services.edit_message(message_id=message.pk, content="edited")
        return execute(sql, params, many, context)

    def enter() -> services.Snapshot | None:
        with connection.execute_wrapper(edit_once):
            return services.snapshot(room=world.room)

    snapshot = run(enter)
    assert (snapshot.head, [frame["content"] for frame in shown(snapshot)]) == (2, ["edited"])


def test_somebody_who_comes_back_is_shown_what_changed(run: Run, world: SimpleNamespace) -> None:
    one, _, three = run(services.post_messages, [new(world) for _ in range(3)])
    run(services.delete_message, message_id=one.pk)
    snapshot = run(services.snapshot, room=world.room, after=2)
    assert (snapshot.head, snapshot.recovered) == (4, True)
    assert [(frame["type"], frame["messageId"]) for frame in shown(snapshot)] == [
        ("chat-message", str(three.pk)),
        ("message-deleted", str(one.pk)),
    ]
    nothing = run(services.snapshot, room=world.room, after=4)
    assert (nothing.head, nothing.recovered, shown(nothing)) == (4, True, [])


def test_a_thousand_missed_messages_are_read_by_one_statement(run: Run, world: SimpleNamespace) -> None:
    run(services.post_messages, [new(world) for _ in range(1001)])

    def resume() -> tuple[services.Snapshot, list[str]]:
        with CaptureQueriesContext(connection) as queries:
            snapshot = services.snapshot(room=world.room, after=1)
        return snapshot, [query["sql"] for query in queries if "rooms_message" in query["sql"]]

    snapshot, statements = run(resume)
    assert (snapshot.head, snapshot.recovered) == (1001, True)
    assert [frame["seq"] for frame in shown(snapshot)] == list(range(2, 1002))
    assert len(statements) == 1


@on_sqlite
@pytest.mark.parametrize(("after", "recovered"), [(0, False), (1, True), (4, True), (5, False), (10**15, False)])
def test_a_gap_beyond_the_limit_or_from_the_future_gets_the_newest_page(
    run: Run, world: SimpleNamespace, settings: LazySettings, after: int, recovered: bool
) -> None:
    settings.CHAT_RESUME_MESSAGES = 3
    run(services.post_messages, [new(world) for _ in range(4)])
    snapshot = run(services.snapshot, room=world.room, after=after)
    assert (snapshot.head, snapshot.recovered, len(shown(snapshot))) == (4, recovered, 4 - after if recovered else 4)


@on_sqlite
def test_a_room_that_disappeared_has_no_snapshot(run: Run, world: SimpleNamespace) -> None:
    for room in (world.room, run(services.enter_room, user_id=world.alice.pk, name="new")):
        run(lambda room=room: Room.objects.filter(pk=room.pk).delete())
        assert run(services.snapshot, room=room) is None


@on_sqlite
def test_heads_are_told_for_the_rooms_asked_for(run: Run, world: SimpleNamespace) -> None:
    run(services.post_messages, [new(world), new(world)])
    assert run(services.heads, room_ids=[world.room.pk, 99_999]) == {world.room.pk: 2}
    assert run(services.heads, room_ids=[]) == {}


# --- Rooms made by joining disappear ----------------------------------------------------------------------------------
def test_a_room_in_which_nothing_was_said_disappears(run: Run, world: SimpleNamespace) -> None:
    room = run(services.enter_room, user_id=world.alice.pk, name="new")
    entries = run(services.unused_entries, room_id=room.pk)
    assert run(services.remove_unused, room_id=room.pk, entries=entries)
    assert not run(services.remove_unused, room_id=room.pk, entries=entries)
    assert run(services.unused_entries, room_id=room.pk) is None
    assert run(services.room_names, room_ids=[room.pk]) == {}


@on_sqlite
def test_any_other_room_stays(run: Run, world: SimpleNamespace) -> None:
    used = run(services.enter_room, user_id=world.alice.pk, name="new")
    entries = run(services.unused_entries, room_id=used.pk)
    run(services.post_messages, [new(world, room_id=used.pk)])
    for room in (used, world.room):
        assert run(services.unused_entries, room_id=room.pk) is None
        assert not run(services.remove_unused, room_id=room.pk, entries=entries)


def test_an_entry_between_reading_and_removing_keeps_the_room(run: Run, world: SimpleNamespace) -> None:
    room = run(services.enter_room, user_id=world.alice.pk, name="new")
    entries = run(services.unused_entries, room_id=room.pk)
    assert run(services.snapshot, room=room) is not None
    assert not run(services.remove_unused, room_id=room.pk, entries=entries)
    assert run(services.room_names, room_ids=[room.pk]) == {room.pk: "new"}


@on_postgres
@pytest.mark.parametrize("field", ["entries", "last_seq"])
def test_what_is_under_way_while_a_room_is_removed_keeps_it(
    run: Run, world: SimpleNamespace, writers: Writers, url: str, field: str
) -> None:
    """An entry or a message that is not committed yet: the removal must wait for it and look again."""
    room = run(services.enter_room, user_id=world.alice.pk, name="new")
    with psycopg.connect(url) as other, ThreadPoolExecutor(1) as threads:
        other.execute(sql.SQL("UPDATE rooms_room SET {} = 1 WHERE id = %s").format(sql.Identifier(field)), [room.pk])
        removal = threads.submit(writers().run, services.remove_unused, room_id=room.pk, entries=0)
        wait_until(lambda: waiting_for_locks(run) == 1, what="the removal waits for the row")
        other.commit()
        assert removal.result(10) is False
    assert run(services.room_names, room_ids=[room.pk]) == {room.pk: "new"}


@on_sqlite
def test_a_publish_that_fails_after_the_commit_takes_nothing_back(
    run: Run, world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(events: list[Event]) -> None:
        raise ConnectionError

    monkeypatch.setattr(services, "publish", fail)
    [message] = run(services.post_messages, [new(world)])
    assert run(Message.objects.get, pk=message.pk).content == "hi"
