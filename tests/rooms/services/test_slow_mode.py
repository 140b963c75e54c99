"""Slow mode: each member writes once in its interval, whatever comes at once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from rooms import storage
from rooms.callers import CODE
from rooms.errors import Banned, SlowMode
from rooms.live.events import Event
from rooms.models import Membership, Message, Room, ServerBan
from rooms.services import moderation, posting, server_bans
from rooms.services.changes import edit_message
from rooms.services.moderation import FOREVER
from rooms.services.posting import post_messages, store_messages
from rooms.storage import Repeated, StoredMessage
from tests.support.rooms import Run, World, Writers, at_once, restrict
from tests.support.servers import Database

on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)


@pytest.fixture
def slow(run: Run, world: World, published: list[Event]) -> World:
    """A minute between two messages in the lobby."""
    run(lambda: Room.objects.filter(pk=world.room.pk).update(slow_mode_s=60))
    return world


def kinds(answers: list[Any]) -> list[type]:
    return [type(answer) for answer in answers]


def stored(run: Run) -> int:
    count: int = run(Message.objects.count)
    return count


def test_the_second_message_is_refused_with_the_time_that_is_left(run: Run, slow: World) -> None:
    first, second = run(post_messages, [slow.new("one"), slow.new("two")])
    assert kinds([first, second]) == [StoredMessage, SlowMode]
    assert second.retry_after_ms == 60_000
    run(lambda: Membership.objects.update(posted_at=timezone.now() - timedelta(seconds=50)))
    [third] = run(post_messages, [slow.new("three")])
    assert 9_000 < third.retry_after_ms <= 10_000
    run(lambda: Membership.objects.update(posted_at=timezone.now() - timedelta(seconds=60)))
    assert kinds(run(post_messages, [slow.new("four")])) == [StoredMessage]
    assert stored(run) == 2


def test_each_author_has_a_time_of_their_own(run: Run, slow: World) -> None:
    answers = run(post_messages, [slow.new("a"), slow.new("b", author_id=slow.bob.pk)])
    assert kinds(answers) == [StoredMessage, StoredMessage]
    assert run(lambda: Membership.objects.filter(room=slow.room).exclude(posted_at=None).count()) == 2


def test_a_repeated_client_id_is_the_same_message_also_in_one_list(run: Run, slow: World) -> None:
    answers = run(post_messages, [slow.new("a", "c"), slow.new("a", "c"), slow.new("b", "d")])
    assert kinds(answers) == [StoredMessage, Repeated, SlowMode]
    assert kinds(run(post_messages, [slow.new("a", "c")])) == [Repeated]


def test_moderators_are_exempt_and_an_edit_does_not_count(run: Run, slow: World) -> None:
    run(restrict, slow.room, slow.bob, role="moderator")
    by_bob = [slow.new(f"{n}", author_id=slow.bob.pk) for n in range(3)]
    assert kinds(run(post_messages, by_bob)) == [StoredMessage] * 3
    assert kinds(run(post_messages, [slow.new("site moderator", moderates=True)])) == [StoredMessage]
    assert run(lambda: Membership.objects.get(user=slow.bob, room=slow.room).posted_at) is None
    [message] = run(post_messages, [slow.new("one")])
    run(lambda: Membership.objects.update(posted_at=timezone.now() - timedelta(seconds=61)))
    run(edit_message, message_id=message.id, content="ONE")
    assert kinds(run(post_messages, [slow.new("two")])) == [StoredMessage]


def test_another_room_in_the_same_list_is_not_slowed(run: Run, slow: World) -> None:
    there = {"room_id": slow.private.pk}
    answers = run(post_messages, [slow.new("a", **there), slow.new("b"), slow.new("c", **there), slow.new("d")])
    assert kinds(answers) == [StoredMessage, StoredMessage, StoredMessage, SlowMode]


def test_of_two_processes_at_once_one_stores(run: Run, slow: World, writers: Writers) -> None:
    answers: list[Any] = []

    def task(writer: Database) -> Callable[[], None]:
        return lambda: answers.extend(writer.run(store_messages, [slow.new("x")]))

    at_once(*[task(writers()) for _ in range(4)])
    assert sorted(kind.__name__ for kind in kinds(answers)) == ["SlowMode", "SlowMode", "SlowMode", "StoredMessage"]
    assert stored(run) == 1


# --- Rights that change while messages are stored ---------------------------------------------------------------------
@on_postgres
@pytest.mark.parametrize("wait", [True, False])
def test_a_ban_between_looking_up_and_storing_stores_nothing(
    run: Run, world: World, wait: bool, writers: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two are separate transactions there: what was allowed by the old rights is decided again."""
    store = posting._store  # type: ignore[attr-defined]
    other, bans = writers(), []

    def banned_meanwhile(*args: Any, **options: Any) -> Any:
        if not bans:
            bans.append(other.run(moderation.ban, room_id=world.room.pk, user_id=world.alice.pk, until=FOREVER))
        return store(*args, **options)

    monkeypatch.setattr(posting, "_store", banned_meanwhile)
    [answer] = writers().run(store_messages, [world.new("after the ban")], wait=wait)
    assert isinstance(answer, Banned) if wait else not isinstance(answer, StoredMessage)
    assert run(store_messages, [world.new("again")])[0].code == "banned"
    assert stored(run) == 0


@on_postgres
def test_a_ban_from_the_chat_between_looking_up_and_storing_stores_nothing(run: Run, world: World) -> None:
    run(lambda: ServerBan.objects.create(user=world.alice, until=FOREVER))
    messages = [world.new(), world.new(author_id=world.bob.pk), world.new(room_id=world.private.pk)]
    places = run(lambda: storage.dialect().store(messages, [0, 0, 0], timezone.now(), wait=True))
    assert places == [None, None, None], "bob's is decided again with the others of its room"
    [bobs] = run(lambda: storage.dialect().store(messages[1:2], [0], timezone.now(), wait=True))
    assert bobs.seq == 1


def test_a_ban_from_the_chat_holds_in_every_room(run: Run, world: World, published: list[Event]) -> None:
    run(server_bans.ban_from_server, actor=CODE, user_id=world.alice.pk)
    answers = run(post_messages, [world.new(), world.new(room_id=world.private.pk)])
    assert kinds(answers) == [Banned, Banned]
