"""The word filter: what becomes of a message and of an edit, and how a process learns of a changed phrase."""

from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from rooms.errors import Conflict, Filtered, Muted
from rooms.live import control, topics
from rooms.live.control import FiltersChanged
from rooms.live.events import Event
from rooms.models import FilterPhrase, Membership, Message, Report
from rooms.services import filters
from rooms.services.changes import delete_message, edit_message
from rooms.services.moderation import mute_authors
from rooms.services.posting import post_message, post_messages
from rooms.storage import StoredMessage
from tests.support.rooms import Run, World, Writers, at_once, from_now

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference


@pytest.fixture
def phrase(run: Run, published: list[Event]) -> Any:
    """Sets a phrase, which this process then checks messages for."""

    def add(text: str, action: str = "refuse", **fields: Any) -> FilterPhrase:
        made = FilterPhrase(phrase=text, action=action, **fields)
        run(filters.set_phrase, made)
        return made

    return add


def post(world: World, content: str = "buy spam now", **fields: Any) -> StoredMessage:
    return post_message(room_id=world.room.pk, author_id=world.alice.pk, content=content, **fields)


def contents(run: Run) -> list[str]:
    return run(lambda: list(Message.objects.order_by("seq").values_list("content", flat=True)))


def test_a_refused_phrase_keeps_one_message_of_a_list_from_being_stored(run: Run, world: World, phrase: Any) -> None:
    phrase("spam")
    answers = run(post_messages, [world.new("hi"), world.new("SPAM!"), world.new("spamalot")])
    assert [type(answer) for answer in answers] == [StoredMessage, Filtered, StoredMessage]
    assert contents(run) == ["hi", "spamalot"]
    assert [answer.seq for answer in answers if isinstance(answer, StoredMessage)] == [1, 2]
    with pytest.raises(Filtered, match="not allowed here"):
        run(post, world)


def test_a_reported_phrase_stores_the_message_and_what_it_said_then(run: Run, world: World, phrase: Any) -> None:
    phrase("spam", "report")
    stored = run(post, world, client_id="c1")
    assert run(post, world, client_id="c1").id == stored.id
    run(edit_message, message_id=stored.id, content="nothing")
    reports = run(lambda: list(Report.objects.values_list("kind", "message_id", "reason", "content")))
    assert reports == [("filter", stored.id, "spam", "buy spam now")]


def test_a_muting_phrase_refuses_the_message_and_all_that_follow(run: Run, world: World, phrase: Any) -> None:
    phrase("spam", "mute", mute_minutes=5)
    with pytest.raises(Filtered):
        run(post, world)
    with pytest.raises(Muted) as error:
        run(post, world, content="hi")
    assert 290_000 < (error.value.retry_after_ms or 0) <= 300_000
    assert contents(run) == []


@pytest.mark.parametrize("url", ["postgres"], indirect=True)  # where only several writers at once show it
def test_writers_who_mute_the_same_people_never_wait_for_each_other(run: Run, world: World, writers: Writers) -> None:
    ends = {
        (room.pk, user.pk): from_now(1) for room in (world.room, world.private) for user in (world.alice, world.bob)
    }
    orders = [ends, dict(reversed(ends.items()))]

    def mute(order: dict[tuple[int, Any], datetime]) -> None:
        writer = writers()
        for _ in range(20):
            writer.run(mute_authors, order)

    at_once(*(partial(mute, order) for order in orders))
    assert run(Membership.objects.filter(role="none", muted_until__gt=timezone.now()).count) == 3


def test_an_edit_is_checked_as_a_message_is(run: Run, world: World, phrase: Any) -> None:
    message = run(post, world, content="hi")
    phrase("spam")
    phrase("ad", "report")
    phrase("scam", "mute")
    with pytest.raises(Filtered):
        run(edit_message, message_id=message.id, content="spam")
    run(edit_message, message_id=message.id, content="an ad")
    assert run(lambda: Report.objects.get().content) == "an ad"
    with pytest.raises(Filtered):
        run(edit_message, message_id=message.id, content="scam")
    muted_until = run(lambda: Membership.objects.get(room=world.room, user=world.alice).muted_until)
    assert muted_until > timezone.now()
    assert contents(run) == ["an ad"]
    run(delete_message, message_id=message.id)
    run(edit_message, message_id=message.id, content="spam")


@on_sqlite
def test_the_gravest_of_several_phrases_counts(run: Run, world: World, phrase: Any) -> None:
    phrase("ad", "report")
    phrase("spam", "refuse")
    phrase("scam", "mute")
    [refused, muted] = run(post_messages, [world.new("ad spam"), world.new("scam ad spam")])
    assert (type(refused), type(muted)) == (Filtered, Filtered)
    assert run(Report.objects.count) == 0
    with pytest.raises(Muted):
        run(post, world, content="hi")


@on_sqlite
@pytest.mark.parametrize(("text", "refused"), [("a class", False), ("a class, ass", True), ("classy", True)])
def test_what_is_found_within_an_allowed_phrase_does_not_count(
    run: Run, world: World, phrase: Any, text: str, refused: bool
) -> None:
    phrase("*ass*")
    phrase("class", "allow")
    [answer] = run(post_messages, [world.new(text)])
    assert isinstance(answer, Filtered) is refused


@on_sqlite
def test_no_rank_is_exempt_and_what_was_stored_before_stays(run: Run, world: World, phrase: Any) -> None:
    first = run(post, world, client_id="c1")
    spam = phrase("spam")
    [answer] = run(post_messages, [world.new("spam", moderates=True)])
    assert isinstance(answer, Filtered)
    assert run(post, world, client_id="c1").id == first.id
    with pytest.raises(Conflict):
        run(post, world, content="other spam", client_id="c1")
    run(filters.remove_phrases, ids=[spam.pk])
    assert run(post, world).seq == 2


@on_sqlite
def test_a_changed_phrase_is_announced_after_its_commit(run: Run, phrase: Any, published: list[Event]) -> None:
    made = phrase("spam")
    run(filters.remove_phrases, ids=[made.pk])
    assert [control.decode(event.payload) for event in published] == [FiltersChanged()] * 2
    assert {event.topic for event in published} == {topics.CONTROL}


@on_sqlite
def test_a_process_without_announcements_reads_again_after_a_while(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(filters, "monotonic", lambda: now[0])
    run(filters.reload)
    run(FilterPhrase.objects.create, phrase="spam")
    assert run(post, world).seq == 1
    now[0] += filters.KEPT_S + 1
    with pytest.raises(Filtered):
        run(post, world)
