"""What a project's code calls about members of rooms, and to write in pieces."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from asgiref.sync import sync_to_async
from django.db import connection
from django.test.utils import CaptureQueriesContext

import rooms
from accounts.models import User
from rooms import access, callers, storage
from rooms.errors import Conflict, Forbidden, NoSuchRoom, TooLarge
from rooms.models import AuditEntry, Membership, Message
from rooms.services import streams
from tests.support.factories import make_room
from tests.support.streams import make_bot

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).resolve().parents[2] / "docs/streaming.md"


def test_the_projects_code_makes_members_and_ends_it(people: SimpleNamespace) -> None:
    room = make_room("private", kind="private")
    assert rooms.add_member("private", people.bob)
    assert not rooms.add_member(room, people.bob)
    assert access.room(people.bob.pk, "private").role == "member"
    assert rooms.remove_member(room, people.bob)
    assert not rooms.remove_member(room, people.bob)
    with pytest.raises(NoSuchRoom):
        access.room(people.bob.pk, "private")
    entries = AuditEntry.objects.order_by("pk").values_list("action", "door", "actor", "target_name")
    assert list(entries) == [("invite", "code", None, "bob"), ("remove", "code", None, "bob")]


def test_it_opens_direct_rooms(people: SimpleNamespace) -> None:
    room = rooms.open_direct(people.alice, people.bob)
    assert rooms.open_direct(people.bob, people.alice) == room
    assert rooms.post_message(room, people.bob, "hi").room_id == room.pk
    with pytest.raises(Forbidden):
        rooms.add_member(room, people.carol)


def test_it_reads_for_a_member(people: SimpleNamespace) -> None:
    room = make_room("lobby")
    rooms.add_member(room, people.bob)
    _, second, _ = [rooms.post_message(room, people.alice, "hi").seq for _ in range(3)]
    assert rooms.unread(people.bob) == {"lobby": 3}
    assert rooms.mark_read(room, people.bob, second) == second
    assert rooms.unread(people.bob) == {"lobby": 1}
    assert rooms.mark_unread("lobby", people.bob, 0) == 0
    assert rooms.unread(people.bob) == {"lobby": 3}
    with pytest.raises(Forbidden):
        rooms.mark_read(room, people.carol, 1)


def test_it_mentions_members_and_reads_what_they_have_missed(people: SimpleNamespace) -> None:
    room = make_room("lobby")
    for user in (people.alice, people.bob):
        rooms.add_member(room, user)
    message = rooms.post_message(room, people.alice, "Please look", mentions=[people.bob, people.carol])
    assert [user.username for user in message.mentions or ()] == ["bob"]
    assert [one.message.content for one in rooms.missed(people.bob).mentions] == ["Please look"]
    assert rooms.edit_message(message, people.alice, "Thanks").mentions is None
    edited = rooms.edit_message(message, people.alice, "!", mentions=[people.bob])
    assert [user.username for user in edited.mentions or ()] == ["bob"]
    rooms.mark_read(room, people.bob, message.seq)
    assert rooms.missed(people.bob).mentions == rooms.missed(people.bob).rooms == []


def test_it_cannot_take_the_last_owner_or_a_room_that_is_not_there(people: SimpleNamespace) -> None:
    Membership.objects.create(room=make_room("hers"), user=people.alice, role="owner")
    with pytest.raises(Conflict):
        rooms.remove_member("hers", people.alice)
    with pytest.raises(NoSuchRoom):
        rooms.add_member("nothing", people.alice)


# --- Texts that come in pieces ----------------------------------------------------------------------------------------
@pytest.fixture
def helper() -> User:
    return make_bot(make_room("lobby"))


def test_a_bot_shows_a_text_as_it_comes(helper: User, people: SimpleNamespace, settings: Any) -> None:
    settings.CHAT_STREAM_FRAMES = 0
    question = rooms.post_message("lobby", people.alice, "Why?")
    seen = []

    def answer() -> Iterator[str]:
        for piece in ("Because ", "", "it is 🎉"):
            yield piece
            seen.append(streams.open_texts(access.room(people.alice.pk, "lobby")))

    message = rooms.stream_message("lobby", helper, answer(), reply_to=question)
    assert (message.content, message.stream, message.quote.message_id) == ("Because it is 🎉", None, str(question.id))
    assert [json.loads(events[0].payload)["text"] for events in seen] == ["Because ", "Because ", "Because it is 🎉"]
    assert rooms.stream_message("lobby", helper, ["Because it is 🎉"], client_id="one").stream is None
    assert rooms.stream_message("lobby", helper, ["Because it is 🎉"], client_id="one").content == "Because it is 🎉"
    with pytest.raises(Forbidden):
        rooms.stream_message("lobby", people.alice, ["x"])


def test_pieces_that_follow_at_once_are_written_together(helper: User) -> None:
    with time_machine.travel(0, tick=False), CaptureQueriesContext(connection) as queries:
        message = rooms.stream_message("lobby", helper, ["x"] * 500)
    assert message.content == "x" * 500
    assert sum(query["sql"].startswith('INSERT INTO "chat_rooms_streampart"') for query in queries) < 20


def test_what_fails_meanwhile_leaves_it_interrupted(helper: User) -> None:
    def answer() -> Iterator[str]:
        yield "half "
        yield "a"
        raise ValueError("the model is away")

    with pytest.raises(ValueError, match="away"):
        rooms.stream_message("lobby", helper, answer())
    assert Message.objects.values_list("content", "stream").get() == ("half a", "interrupted")


def test_what_failed_is_said_also_where_the_message_cannot_be_ended_any_more(helper: User) -> None:
    def answer() -> Iterator[str]:
        yield "half"
        rooms.delete_message(storage.message(message_id=Message.objects.get(stream="open").pk))
        raise ValueError("the model is away")

    with pytest.raises(ValueError, match="away"):
        rooms.stream_message("lobby", helper, answer())


def test_a_generator_is_closed_when_a_piece_is_refused(helper: User, settings: Any) -> None:
    settings.CHAT_STREAM_FRAMES, settings.CHAT_MAX_STREAM_CHARS = 0, 5
    closed, kept = [], []

    def answer() -> Iterator[str]:
        try:
            while True:
                yield "four"
        finally:
            closed.append(True)

    kept.append(answer())  # referred to, so that nothing else closes it
    with pytest.raises(TooLarge):
        rooms.stream_message("lobby", helper, kept[0])
    assert closed == [True]
    assert Message.objects.values_list("content", "stream").get() == ("four", "interrupted")


def test_no_more_is_taken_once_it_was_stopped(helper: User, people: SimpleNamespace, settings: Any) -> None:
    settings.CHAT_STREAM_FRAMES = 0
    question = rooms.post_message("lobby", people.alice, "Why?")
    closed = []

    def answer() -> Iterator[str]:
        try:
            yield "Because"
            message_id = str(Message.objects.get(stream="open").pk)
            streams.stop(actor=callers.actor(people.alice, "code"), name="lobby", message_id=message_id)
            while True:
                yield " and"
        finally:
            closed.append(True)

    message = rooms.stream_message("lobby", helper, answer(), reply_to=question)
    assert (message.content, message.stream, closed) == ("Because", "interrupted", [True])


@pytest.mark.django_db(transaction=True)
async def test_pieces_may_come_from_async_code(people: SimpleNamespace) -> None:
    helper = await sync_to_async(lambda: make_bot(make_room("lobby")))()

    async def answer() -> AsyncIterator[str]:
        for piece in ("one ", "two"):
            yield piece

    assert (await rooms.astream_message("lobby", helper, answer())).content == "one two"

    async def failing() -> AsyncIterator[str]:
        yield "half"
        raise ValueError("the model is away")

    with pytest.raises(ValueError, match="away"):
        await rooms.astream_message("lobby", helper, failing())
    last = await Message.objects.alast()
    assert last is not None
    assert (last.content, last.stream) == ("half", "interrupted")


def test_the_example_of_the_page_answers(helper: User, people: SimpleNamespace) -> None:
    [example] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, str(PAGE), "exec"), names)  # noqa: S102 - our own page
    question = rooms.post_message("lobby", people.alice, "Why?")
    message = names["answer"](question, helper, lambda text: [text, " Because."])
    assert (message.content, message.reply_to) == ("Why? Because.", question.id)
