"""Messages that are written in pieces: who may, what is stored when, how they end, and what readers make of them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from rooms import signals, storage
from rooms.callers import Actor
from rooms.errors import (
    BadFrame,
    Banned,
    Blocked,
    ChatError,
    Conflict,
    Filtered,
    Forbidden,
    Muted,
    NoSuchMessage,
    Refused,
    StreamOver,
    TooLarge,
    Unavailable,
)
from rooms.live import control, topics
from rooms.live.events import Event
from rooms.models import (
    AuditEntry,
    FilterPhrase,
    IndexedRoom,
    Membership,
    Message,
    OutgoingWebhook,
    Report,
    Room,
    Stream,
    StreamPart,
)
from rooms.models import Bot as Bots
from rooms.outbound import Outcome
from rooms.services import (
    changes,
    deletions,
    deliveries,
    filters,
    marks,
    outgoing_webhooks,
    people,
    retention,
    search,
    stream_ends,
    streams,
)
from rooms.services.blocks import set_block
from rooms.services.history import page, snapshot
from rooms.services.posting import post_message, post_new
from rooms.services.reports import report_message
from rooms.services.rooms import purge, remove_room
from rooms.services.stream_parts import Appended, NewPart
from rooms.services.stream_starts import new_stream
from rooms.storage import Repeated, StoredMessage
from tests.support.rooms import Run, World, Writers, begins_to_wait, frames, from_now, restrict, uncommitted
from tests.support.streams import ANSWER, Reader, make_bot, pieces

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference
on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)  # where only several writers at once show it


def acts(user: Any, *roles: str) -> Actor:
    return Actor(user.pk, ("user", *roles), "socket", user.username)


@dataclass(frozen=True)
class Bot:
    """A bot in the lobby, and alice's question to it."""

    run: Run
    world: World
    user: User
    question: StoredMessage

    def start(self, client_id: str | None = None, **fields: Any) -> StoredMessage:
        values = {"room_id": self.world.room.pk, "author_id": self.user.pk, "reply_to": self.question.id, **fields}
        message: StoredMessage = self.run(lambda: post_new(new_stream(client_id=client_id, **values)))
        return message

    def part(self, message: StoredMessage, offset: int, text: str, **fields: Any) -> NewPart:
        values = {"room_id": self.world.room.pk, "author_id": self.user.pk, **fields}
        return NewPart(message_id=message.id, offset=offset, text=text, **values)

    def append(self, message: StoredMessage, offset: int, text: str, **fields: Any) -> int:
        appended: Appended = self.run(streams.append_one, self.part(message, offset, text, **fields))
        return appended.offset

    def end(self, message: StoredMessage, **fields: Any) -> StoredMessage:
        values = {"actor": acts(self.user), "name": "lobby", "message_id": str(message.id), **fields}
        ended: StoredMessage = self.run(streams.end, **values)
        return ended

    def stop(self, message: StoredMessage, by: Actor) -> StoredMessage:
        ended: StoredMessage = self.run(streams.stop, actor=by, name="lobby", message_id=str(message.id))
        return ended


@pytest.fixture
def bot(run: Run, world: World, published: list[Event]) -> Bot:
    user = run(make_bot, world.room)
    question = run(post_message, room_id=world.room.pk, author_id=world.alice.pk, content="Why?")
    published.clear()
    return Bot(run, world, user, question)


def of_room(published: list[Event]) -> list[Any]:
    """What its members receive: not what informs those who are concerned."""
    return frames([event for event in published if event.topic != topics.CONTROL])


def shown(run: Run, world: World) -> list[tuple[str, bool, bool]]:
    found = run(page, user_id=world.alice.pk, name="lobby", limit=50)
    return [(one.content, bool(one.streaming), bool(one.interrupted)) for one in found[1:]]


def nothing_is_left(run: Run) -> bool:
    return run(Stream.objects.count) == 0 and run(StreamPart.objects.count) == 0


# --- One message, from its beginning to its end -----------------------------------------------------------------------
def test_a_text_grows_and_is_whole_at_the_end(run: Run, world: World, bot: Bot, published: list[Event]) -> None:
    message = bot.start()
    assert (message.seq, message.stream, message.bot) == (2, "open", True)
    assert bot.append(message, 0, "Because ") == 8
    assert bot.append(message, 8, "it is 🎉.") == 16
    assert shown(run, world) == [("", True, False)]
    ended = bot.end(message)
    assert (ended.content, ended.seq, ended.changed_seq, ended.edited_at) == ("Because it is 🎉.", 2, 3, None)
    assert shown(run, world) == [("Because it is 🎉.", False, False)]
    assert nothing_is_left(run)
    start, first, second, end = of_room(published)
    assert (start["type"], start["content"], start["streaming"], start["bot"]) == ("chat-message", "", True, True)
    assert start["replyTo"]["messageId"] == str(bot.question.id)
    place = {"type": "message-append", "roomId": "lobby", "messageId": str(message.id), "seq": 2}
    assert [first, second] == [{**place, "offset": 0, "text": "Because "}, {**place, "offset": 8, "text": "it is 🎉."}]
    assert [event.seq for event in published] == [2, 0, 0, 3, 0]
    assert (end["type"], end["content"], end["changedSeq"]) == ("message-edited", "Because it is 🎉.", 3)
    assert not {"streaming", "interrupted", "editedAt"} & end.keys()
    assert run(lambda: Room.objects.get(pk=world.room.pk).last_seq) == 3


@on_sqlite
def test_what_was_sent_before_is_accepted_again_and_nothing_else_is(run: Run, bot: Bot) -> None:
    message = bot.start()
    bot.append(message, 0, "Hello 🎉 ")
    for offset, text, length in [(0, "Hello", 8), (3, "lo 🎉 ", 8), (6, "🎉 world", 13), (13, "", 13), (2, "", 13)]:
        assert bot.append(message, offset, text) == length
    for offset, text in [(14, "gap"), (0, "Hullo"), (12, "D!"), (99, "")]:
        with pytest.raises(Conflict) as refused:
            bot.append(message, offset, text)
        assert refused.value.offset == 13
    assert bot.end(message).content == "Hello 🎉 world"


def test_pieces_that_come_together_are_one_part_and_one_event_and_each_is_answered(run: Run, bot: Bot) -> None:
    first, second = bot.start(), bot.start()
    parts = [
        bot.part(first, 0, "a"), bot.part(second, 0, "x"), bot.part(first, 1, "bc"), bot.part(first, 9, "gap"),
        bot.part(first, 1, "b"), bot.part(first, 3, "d"), bot.part(first, 3, "D"),
    ]  # fmt: skip
    answers, events = run(streams.append, parts)
    lengths = [type(answer).__name__ if isinstance(answer, ChatError) else answer.offset for answer in answers]
    assert lengths == [1, 1, 3, "Conflict", 3, 4, "Conflict"]
    assert [(frame["offset"], frame["text"]) for frame in frames(events)] == [(0, "abcd"), (0, "x")]
    assert run(lambda: sorted(StreamPart.objects.values_list("offset", "text"))) == [(0, "abcd"), (0, "x")]


@pytest.mark.parametrize("phrases", [False, True], ids=["no-phrases", "phrases"])
def test_many_pieces_of_many_texts_take_as_many_statements_as_one(run: Run, bot: Bot, *, phrases: bool) -> None:
    if phrases:
        run(lambda: filters.set_phrase(FilterPhrase(phrase="badword")))
    started = [bot.start() for _ in range(4)]

    def count(texts: list[StoredMessage], offset: int) -> int:
        parts = [bot.part(message, offset + n, "x") for message in texts for n in range(3)]
        with CaptureQueriesContext(connection) as queries:
            streams.append(parts)
        return len(queries)

    one, many = run(count, started[:1], 0), run(count, started[1:], 0)
    assert many == one <= 8
    assert run(count, started[1:], 3) <= one + (3 if phrases else 0)  # the filter reads what each has


def test_who_reconnects_at_any_moment_has_the_same_text(
    run: Run, world: World, bot: Bot, published: list[Event]
) -> None:
    for seed in range(6):
        _write_at_random(run, world, bot, published, Random(seed))


def _write_at_random(run: Run, world: World, bot: Bot, published: list[Event], random: Random) -> None:
    """A bot that repeats pieces, and readers who join, lose events and resume between any two of them."""
    published.clear()
    message = bot.start()
    readers = [Reader(message.seq)]
    readers[0].take(of_room(published)[0])
    sent = pieces(ANSWER, random)
    for number, (offset, text) in enumerate(sent):
        published.clear()
        bot.append(message, offset, text)
        if random.random() < 0.3:
            bot.append(message, *random.choice(sent[: number + 1]))
        for reader in readers:
            for frame in of_room(published) if random.random() < 0.7 else ():
                reader.take(frame)
            _ask(run, world, message, reader)
        if random.random() < 0.5:
            reader, after = random.choice([(Reader(message.seq), None), (random.choice(readers), message.seq)])
            joined = run(lambda after=after: snapshot(room=world.access(), after=after))
            for encoded in (joined.history, *joined.texts):
                reader.take(frames([Event("", encoded.payload)])[0])
            assert reader.text == ANSWER[: offset + len(text)]
            readers += [] if reader in readers else [reader]
    published.clear()
    bot.end(message)
    for reader in readers:
        assert ANSWER.startswith(reader.text or "")
        reader.take(of_room(published)[0])
        assert reader.text == ANSWER


def _ask(run: Run, world: World, message: StoredMessage, reader: Reader) -> None:
    """What is missing is asked for."""
    for offset in reader.missing:
        fields = {"actor": acts(world.alice), "name": "lobby", "message_id": str(message.id)}
        found = run(streams.read, offset=offset, **fields)
        reader.take({"type": "stream", "seq": message.seq, "offset": found.offset, "text": found.text})
    reader.missing.clear()


# --- Who --------------------------------------------------------------------------------------------------------------
@on_sqlite
def test_only_a_bot_writes_in_pieces_and_only_its_own(run: Run, world: World, bot: Bot) -> None:
    for stranger in (world.alice.pk, world.bob.pk):
        with pytest.raises(Forbidden, match="bots"):
            bot.start(author_id=stranger)
    message = bot.start()
    for values in ({"author_id": world.alice.pk}, {"room_id": world.private.pk}):
        with pytest.raises(NoSuchMessage):
            bot.append(message, 0, "x", **values)
    with pytest.raises(Forbidden):
        bot.end(message, actor=acts(world.alice, "moderator"))
    assert bot.append(message, 0, "x") == 1
    run(lambda: Bots.objects.filter(pk=bot.user.pk).update(active=False))
    with pytest.raises(Forbidden):
        bot.start()


@on_sqlite
@pytest.mark.parametrize(
    ("membership", "error"),
    [({"banned_until": from_now(1)}, Banned), ({"muted_until": from_now(1)}, Muted)],
    ids=["banned", "muted"],
)
def test_who_may_not_write_any_more_goes_on_no_more(
    run: Run, world: World, bot: Bot, membership: Any, error: type[ChatError]
) -> None:
    message = bot.start()
    bot.append(message, 0, "said")
    run(restrict, world.room, bot.user, **membership)
    with pytest.raises(error):
        bot.append(message, 4, " more")
    with pytest.raises(error):
        bot.start()


@on_sqlite
def test_who_is_blocked_meanwhile_goes_on_no_more(run: Run, world: World, bot: Bot) -> None:
    run(lambda: Room.objects.filter(pk=world.room.pk).update(kind=Room.Kind.DIRECT))
    message = bot.start()
    bot.append(message, 0, "said")
    run(set_block, user_id=world.alice.pk, username=bot.user.username, on=True)
    with pytest.raises(Blocked):
        bot.append(message, 4, " more")
    assert bot.append(message, 4, " more", moderates=True) == 9


@on_sqlite
def test_slow_mode_holds_for_the_beginning_alone(run: Run, world: World, bot: Bot) -> None:
    run(lambda: Room.objects.filter(pk=world.room.pk).update(slow_mode_s=60))
    message = bot.start()
    assert bot.append(message, 0, "a") == 1
    assert bot.append(message, 1, "b") == 2


@on_sqlite
def test_a_bot_writes_so_many_at_once(run: Run, world: World, bot: Bot, settings: Any) -> None:
    settings.CHAT_MAX_OPEN_STREAMS = 2
    first = bot.start()
    bot.start()
    with pytest.raises(Conflict, match="2 messages at once"):
        bot.start()
    bot.append(first, 0, "x")
    bot.end(first)
    assert bot.start().stream == "open"
    settings.CHAT_MAX_OPEN_STREAMS = 0
    assert bot.start().stream == "open"


@on_sqlite
def test_a_list_of_beginnings_counts_together(run: Run, world: World, bot: Bot, settings: Any) -> None:
    from rooms.services.posting import post_messages

    settings.CHAT_MAX_OPEN_STREAMS = 2
    new = run(lambda: [new_stream(room_id=world.room.pk, author_id=bot.user.pk) for _ in range(3)])
    answers = run(post_messages, new)
    assert [isinstance(answer, Conflict) for answer in answers] == [False, False, True]


@on_sqlite
def test_a_text_has_so_many_characters(bot: Bot, settings: Any) -> None:
    settings.CHAT_MAX_STREAM_CHARS, settings.CHAT_MAX_CONTENT_CHARS = 6, 3
    message = bot.start()
    bot.append(message, 0, "🎉🎉🎉🎉")
    with pytest.raises(TooLarge):
        bot.append(message, 4, "🎉🎉🎉")
    assert bot.append(message, 4, "🎉🎉") == 6
    assert bot.end(message).content == "🎉" * 6


@on_sqlite
@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_what_no_message_can_have_is_no_piece(run: Run, bot: Bot, text: str) -> None:
    message = bot.start()
    fields = {"actor": acts(bot.user), "name": "lobby", "offset": 0}
    with pytest.raises(BadFrame):
        run(streams.own_part, message_id=str(message.id), text=text, **fields)
    with pytest.raises(NoSuchMessage):
        run(streams.own_part, message_id="x", text="x", **fields)


@on_sqlite
def test_a_repeated_client_id_answers_the_first_and_where_it_goes_on(run: Run, world: World, bot: Bot) -> None:
    first = bot.start("one")
    bot.append(first, 0, "Hello")
    again = bot.start("one")
    assert (type(again), again.id) == (Repeated, first.id)
    assert (run(streams.length, again), run(streams.length, first)) == (5, 0)
    bot.end(first)
    assert bot.start("one").id == first.id
    run(post_message, room_id=world.room.pk, author_id=bot.user.pk, content="plain", client_id="two")
    with pytest.raises(Conflict):
        bot.start("two")


# --- The end ----------------------------------------------------------------------------------------------------------
@on_sqlite
def test_an_end_is_an_end(run: Run, world: World, bot: Bot, published: list[Event]) -> None:
    message = bot.start()
    bot.append(message, 0, "done")
    ended = bot.end(message)
    published.clear()
    assert bot.end(message).changed_seq == ended.changed_seq
    assert published == []
    for offset in (4, 0):
        with pytest.raises(StreamOver):
            bot.append(message, offset, "done")
    with pytest.raises(StreamOver):
        bot.stop(message, acts(world.alice))
    with pytest.raises(StreamOver):
        run(streams.read, actor=acts(world.alice), name="lobby", message_id=str(message.id))


@on_sqlite
@pytest.mark.parametrize("who", ["asker", "moderator", "bot"])
def test_who_asked_and_who_moderates_may_stop_it(run: Run, world: World, bot: Bot, who: str) -> None:
    run(restrict, world.room, world.bob, role="moderator")
    by = {"asker": acts(world.alice), "moderator": acts(world.bob), "bot": acts(bot.user)}[who]
    message = bot.start()
    bot.append(message, 0, "so far")
    stopped = bot.stop(message, by)
    assert (stopped.content, stopped.stream) == ("so far", "interrupted")
    assert shown(run, world) == [("so far", False, True)]
    assert nothing_is_left(run)
    with pytest.raises(StreamOver):
        bot.append(message, 6, "!")
    with pytest.raises(StreamOver):
        bot.end(message)
    assert bot.end(message, interrupted=True).changed_seq == stopped.changed_seq
    noted = run(lambda: list(AuditEntry.objects.filter(action="stop-message").values_list("actor_id", flat=True)))
    assert noted == ([world.bob.pk] if who == "moderator" else [])


@on_sqlite
def test_nobody_else_stops_it(run: Run, world: World, bot: Bot) -> None:
    message = bot.start()
    with pytest.raises(Forbidden):
        bot.stop(message, acts(world.bob))
    unasked = bot.start(reply_to=None)
    with pytest.raises(Forbidden):
        bot.stop(unasked, acts(world.alice))
    assert [streaming for _, streaming, _ in shown(run, world)] == [True, True]


def test_silence_ends_it_once(run: Run, world: World, bot: Bot, published: list[Event], settings: Any) -> None:
    message, touched = bot.start(), bot.start()
    bot.append(message, 0, "half a")
    settings.CHAT_STREAM_IDLE_S = 30
    run(lambda: Stream.objects.update(touched_at=timezone.now() - timedelta(seconds=31)))
    bot.append(touched, 0, "")
    published.clear()
    run(stream_ends.interrupt_idle)
    run(stream_ends.interrupt_idle)
    assert [(frame["type"], frame["content"], frame["interrupted"]) for frame in of_room(published)] == [
        ("message-edited", "half a", True)
    ]
    assert shown(run, world) == [("half a", False, True), ("", True, False)]


@on_sqlite
def test_zero_lets_it_be_silent_for_ever(run: Run, bot: Bot, settings: Any) -> None:
    settings.CHAT_STREAM_IDLE_S = 0
    bot.start()
    run(lambda: Stream.objects.update(touched_at=timezone.now() - timedelta(days=1)))
    run(stream_ends.interrupt_idle)
    assert run(Stream.objects.count) == 1


@on_sqlite
@pytest.mark.parametrize("said", ["", " \n"])
def test_without_a_text_it_is_interrupted(run: Run, world: World, bot: Bot, said: str) -> None:
    message = bot.start()
    bot.append(message, 0, said)
    with pytest.raises(StreamOver):
        bot.end(message)
    assert shown(run, world) == [(said, False, True)]


@on_postgres
def test_an_end_and_a_piece_at_once_lose_nothing(run: Run, bot: Bot, writers: Writers) -> None:
    message = bot.start()
    bot.append(message, 0, "one ")
    fields = {"actor": acts(bot.user), "name": "lobby", "message_id": str(message.id)}
    with uncommitted(writers(), lambda: streams.append_one(bot.part(message, 4, "two"))):
        ending = begins_to_wait(run, writers(), streams.end, **fields)
    assert ending.result(20).content == "one two"
    other = bot.start()
    bot.append(other, 0, "one ")
    with uncommitted(writers(), lambda: streams.end(**{**fields, "message_id": str(other.id)})):
        late = begins_to_wait(run, writers(), streams.append_one, part=bot.part(other, 4, "two"))
    with pytest.raises(StreamOver):
        late.result(20)
    assert run(storage.message, message_id=other.id).content == "one "
    assert nothing_is_left(run)


# --- What sees the final text alone -----------------------------------------------------------------------------------
@on_sqlite
def test_receivers_the_search_and_unread_counts_have_one_message(
    run: Run, world: World, bot: Bot, on_signal: Callable[..., list[str]]
) -> None:
    run(restrict, world.room, world.bob, role="member")
    posted, changed = on_signal(signals.message_posted), on_signal(signals.message_changed)
    message = bot.start()
    bot.append(message, 0, "pineapple")

    def found() -> int:
        while search.index_room(room_id=world.room.pk):
            pass
        return len(search.search_messages(user_id=world.bob.pk, query="pineapple").results)

    def unread() -> int:
        [room] = [one for one in marks.unread(user_id=world.bob.pk) if one.room_id == "lobby"]
        return room.unread

    assert (posted, changed, run(found), run(unread)) == ([], [], 0, 2)
    bot.end(message)
    assert (posted, changed, run(found), run(unread)) == (["pineapple"], [], 1, 2)
    assert run(IndexedRoom.objects.count) == 1


def test_who_is_mentioned_is_informed_at_the_end(run: Run, world: World, bot: Bot, published: list[Event]) -> None:
    run(restrict, world.room, world.bob, role="member")
    run(restrict, world.room, world.alice, role="member")

    def mentioned(text: str, *, may_mention: bool) -> tuple[list[str], list[list[str]]]:
        run(lambda: Bots.objects.filter(pk=bot.user.pk).update(may_mention=may_mention))
        published.clear()
        message = bot.start()
        bot.append(message, 0, text)
        assert not [event for event in published if event.topic == topics.CONTROL]
        ended = bot.end(message)
        notices = [control.decode(event.payload) for event in published if event.topic == topics.CONTROL]
        return [user.username for user in ended.mentions or ()], [notice.keys for notice in notices]

    alice, bob = str(world.alice.pk), str(world.bob.pk)
    assert mentioned("Ask @bob!", may_mention=False) == ([], [[alice]])
    assert mentioned("Ask @bob!", may_mention=True) == (["bob"], [[bob, alice]])


@on_sqlite
def test_what_is_sent_to_other_systems_is_the_final_text(run: Run, world: World, bot: Bot) -> None:
    def make() -> OutgoingWebhook:
        made = outgoing_webhooks.create(
            actor=acts(world.alice), name="lobby", title="receiver", url="https://example.com/hook"
        )
        return made.webhook

    def sent(webhook: OutgoingWebhook) -> list[tuple[str, str]]:
        found = []
        while (delivery := deliveries.claim(webhook_id=webhook.pk)) is not None:
            event = json.loads(delivery.body)
            found.append((event["type"], event["data"]["content"]))
            deliveries.settle(delivery=delivery, outcome=Outcome(204))
        return found

    run(restrict, world.room, world.alice, role="owner")
    webhook = run(make)
    message = bot.start()
    bot.append(message, 0, "half")
    run(post_message, room_id=world.room.pk, author_id=world.alice.pk, content="meanwhile")
    assert run(sent, webhook) == [("message.posted", "meanwhile")]
    bot.append(message, 4, " and half")
    bot.end(message)
    assert run(sent, webhook) == [("message.posted", "half and half")]
    assert run(sent, webhook) == []


@pytest.fixture
def on_signal() -> Any:
    """Lists the texts that a signal's receivers are called with."""
    connected = []

    def listen(signal: Any) -> list[str]:
        seen: list[str] = []

        def receive(message: StoredMessage, **_: Any) -> None:
            seen.append(message.content)

        signal.connect(receive)
        connected.append((signal, receive))
        return seen

    yield listen
    for signal, receive in connected:
        signal.disconnect(receive)


# --- The word filter and hooks ----------------------------------------------------------------------------------------
@pytest.fixture
def phrase(run: Run) -> Callable[..., None]:
    def make(text: str, action: str = "refuse", **fields: Any) -> None:
        run(lambda: filters.set_phrase(FilterPhrase(phrase=text, action=action, **fields)))

    return make


def test_a_phrase_ends_it_with_what_was_allowed(
    run: Run, world: World, bot: Bot, phrase: Callable[..., None], published: list[Event]
) -> None:
    phrase("bad word")
    message = bot.start()
    bot.append(message, 0, "This is a bad ")
    bot.append(message, 14, "wor")
    published.clear()
    with pytest.raises(Filtered):
        bot.append(message, 17, "d. And")
    assert shown(run, world) == [("This is a bad wor", False, True)]
    assert [frame["type"] for frame in of_room(published)] == ["message-edited"]


@on_sqlite
def test_a_word_that_goes_on_is_no_phrase_yet(run: Run, world: World, bot: Bot, phrase: Callable[..., None]) -> None:
    phrase("ass")
    message = bot.start()
    bot.append(message, 0, "an ass")
    bot.append(message, 6, "ociation, and a cl")
    bot.append(message, 24, "ass")
    assert bot.end(message).content == "an association, and a class"
    other = bot.start()
    bot.append(other, 0, "an ass")
    with pytest.raises(Filtered):
        bot.end(other)
    assert shown(run, world)[1] == ("an ", False, True)


@on_sqlite
def test_a_phrase_is_found_across_pieces_however_long_the_text(
    run: Run, world: World, bot: Bot, phrase: Callable[..., None]
) -> None:
    phrase("坏话")
    message = bot.start()
    long = "word " * 400
    bot.append(message, 0, f"{long}坏")
    with pytest.raises(Filtered):
        bot.append(message, len(long) + 1, "话")
    assert shown(run, world) == [(f"{long}坏", False, True)]


@on_sqlite
def test_a_phrase_mutes_or_reports_as_for_any_message(
    run: Run, world: World, bot: Bot, phrase: Callable[..., None]
) -> None:
    phrase("odd", "report")
    phrase("awful", "mute", mute_minutes=5)
    reported = bot.start()
    bot.append(reported, 0, "odd, that")
    assert bot.end(reported).content == "odd, that"
    assert run(lambda: list(Report.objects.values_list("content", flat=True))) == ["odd, that"]
    muted = bot.start()
    with pytest.raises(Filtered):
        bot.append(muted, 0, "awful!")
    with pytest.raises(Muted):
        bot.start()


@on_sqlite
def test_a_phrase_that_is_new_leaves_nothing_of_the_text(
    run: Run, world: World, bot: Bot, phrase: Callable[..., None]
) -> None:
    message = bot.start()
    bot.append(message, 0, "a secret, said before")
    phrase("secret")
    with pytest.raises(Filtered):
        bot.end(message)
    assert shown(run, world) == [("", False, True)]


def refuse(_user: Any, _room: Any, _text: str) -> str:
    raise Refused("not so")


def shout(_user: Any, _room: Any, text: str) -> str:
    return text.upper()


def fail(_user: Any, _room: Any, _text: str) -> str:
    raise ValueError


def forbid(_user: Any, _room: Any) -> bool:
    return False


@on_sqlite
def test_hooks_see_the_whole_text_at_the_end(run: Run, world: World, bot: Bot, settings: Any) -> None:
    settings.CHAT_BEFORE_POST = f"{__name__}.shout"
    message = bot.start()
    bot.append(message, 0, "quiet")
    assert bot.end(message).content == "QUIET"
    settings.CHAT_BEFORE_POST = f"{__name__}.fail"
    failing = bot.start()
    bot.append(failing, 0, "text")
    with pytest.raises(Unavailable):
        bot.end(failing)
    assert shown(run, world)[1] == ("", True, False)
    settings.CHAT_BEFORE_POST = f"{__name__}.refuse"
    with pytest.raises(Refused, match="not so"):
        bot.end(failing)
    assert shown(run, world)[1] == ("", False, True)
    settings.CHAT_BEFORE_POST, settings.CHAT_CAN_POST = None, f"{__name__}.forbid"
    with pytest.raises(Refused):
        bot.start()


# --- What goes --------------------------------------------------------------------------------------------------------
@on_sqlite
def test_a_report_keeps_what_has_arrived(run: Run, world: World, bot: Bot) -> None:
    message = bot.start()
    bot.append(message, 0, "You are ")
    bot.append(message, 8, "stupid")
    run(report_message, actor=acts(world.alice), name="lobby", message_id=str(message.id), reason="rude")
    report = run(Report.objects.get)
    assert (report.content, report.reported_id) == ("You are stupid", bot.user.pk)


@on_sqlite
def test_it_is_not_edited_before_it_is_whole(run: Run, bot: Bot) -> None:
    message = bot.start()
    bot.append(message, 0, "text")
    with pytest.raises(Conflict):
        run(changes.edit_message, message_id=message.id, content="other")
    bot.end(message)
    edited = run(changes.edit_message, message_id=message.id, content="other")
    assert edited.content == "other"


@pytest.mark.parametrize("way", ["one", "many", "all", "pruned", "purged", "erased"])
def test_parts_go_with_their_message(run: Run, world: World, bot: Bot, settings: Any, way: str) -> None:
    settings.CHAT_ERASED_MESSAGES = "delete"
    message = bot.start()
    bot.append(message, 0, "text")
    by, room_id = acts(world.alice), world.room.pk

    def prune() -> None:
        post_message(room_id=room_id, author_id=world.alice.pk, content="newer")
        list(retention.prune(room_id=room_id, keep=1))

    def purge_all() -> None:
        remove_room(room_id=room_id)
        while purge(room_id=room_id):
            pass

    ways: dict[str, Callable[[], object]] = {
        "one": lambda: changes.delete_message(message_id=message.id),
        "many": lambda: deletions.erase_list(actor=by, room_id=room_id, ids=[message.id]),
        "all": lambda: deletions.erase_all_of(actor=by, room_id=room_id, user_id=bot.user.pk),
        "pruned": prune,
        "purged": purge_all,
        "erased": lambda: list(people.erase_messages(user_id=bot.user.pk)),
    }
    run(ways[way])
    assert nothing_is_left(run)
    assert not run(lambda: Message.objects.filter(stream="open").exists())
    if way not in ("pruned", "purged", "erased"):
        with pytest.raises(StreamOver):
            bot.append(message, 4, "more")
    elif way == "pruned":
        with pytest.raises(NoSuchMessage):
            bot.append(message, 4, "more")


@on_sqlite
def test_the_message_of_a_bot_that_is_no_more_ends_too(run: Run, world: World, bot: Bot) -> None:
    message = bot.start()
    bot.append(message, 0, "half")
    run(bot.user.delete)
    run(lambda: Stream.objects.update(touched_at=timezone.now() - timedelta(days=1)))
    run(stream_ends.interrupt_idle)
    assert shown(run, world) == [("half", False, True)]


# --- Joining ----------------------------------------------------------------------------------------------------------
def test_who_may_not_see_the_message_is_sent_nothing_of_it(run: Run, world: World, bot: Bot) -> None:
    message = bot.start()
    bot.append(message, 0, "secret")
    run(restrict, world.room, world.bob, visible_from_seq=2)
    joined = run(lambda: snapshot(room=storage.access_by_id(user_id=world.bob.pk, room_id=world.room.pk), after=1))
    assert joined.texts == ()
    with pytest.raises(NoSuchMessage):
        run(streams.read, actor=acts(world.bob), name="lobby", message_id=str(message.id))
    _, [event] = run(streams.append, [bot.part(message, 6, "!")])
    assert (event.of, event.seq) == (2, 0)


@on_sqlite
@pytest.mark.parametrize("after", [None, 1, 2], ids=["newest", "resumed", "current"])
def test_who_joins_is_sent_all_so_far(run: Run, world: World, bot: Bot, after: int | None) -> None:
    message = bot.start()
    bot.start()  # of which nothing has come
    bot.append(message, 0, "so ")
    bot.append(message, 3, "far")
    joined = run(lambda: snapshot(room=world.access(), after=after))
    [text] = frames([Event("", one.payload) for one in joined.texts])
    assert (text["type"], text["messageId"], text["offset"], text["text"]) == (
        "message-append", str(message.id), 0, "so far",
    )  # fmt: skip


@on_sqlite
def test_a_room_without_such_messages_costs_one_statement_at_most(run: Run, world: World, bot: Bot) -> None:
    def count(after: int | None) -> int:
        room = world.access()
        with CaptureQueriesContext(connection) as queries:
            snapshot(room=room, after=after)
        return sum("chat_rooms_stream" in query["sql"] for query in queries)

    assert (run(count, None), run(count, 0)) == (0, 1)


@on_sqlite
def test_a_member_reads_from_any_offset(run: Run, world: World, bot: Bot) -> None:
    message = bot.start()
    bot.append(message, 0, "a🎉b")
    fields = {"actor": acts(world.bob), "name": "lobby", "message_id": str(message.id)}
    read = [run(streams.read, offset=offset, **fields) for offset in (0, 2, 9)]
    assert [(one.offset, one.text) for one in read] == [(0, "a🎉b"), (2, "b"), (3, "")]
    with pytest.raises(NoSuchMessage):
        run(streams.read, **{**fields, "message_id": "99999"})
    assert run(Membership.objects.filter(user=world.bob).exists) is False
