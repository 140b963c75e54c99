"""Reactions: who may, how many kinds, what is counted, in which order, and what follows when their message goes."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms import storage
from rooms.callers import Actor
from rooms.errors import BadFrame, Banned, Blocked, ChatError, Conflict, Forbidden, Muted, NoSuchMessage
from rooms.live.events import Event
from rooms.live.write_queue import Held
from rooms.models import Block, Message, Reaction, Room
from rooms.services import changes, deletions, people, reactions
from rooms.services.history import page, snapshot
from rooms.services.posting import post_messages
from rooms.services.reactions import Change, NewReaction
from rooms.storage import StoredMessage
from tests.support.factories import make_user
from tests.support.rooms import Run, World, Writers, begins_to_wait, frames, from_now, restrict, uncommitted

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference
on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)  # where only several writers at once show it


def acts(user: Any, *roles: str) -> Actor:
    return Actor(user.pk, ("user", *roles), "socket", user.username)


@pytest.fixture
def said(run: Run, world: World, published: list[Event]) -> StoredMessage:
    [message] = run(post_messages, [world.new("hello")])
    published.clear()
    return message


def react(run: Run, user: Any, said: StoredMessage, emoji: str = "👍", *, on: bool = True, **fields: Any) -> Change:
    values = {"actor": acts(user), "name": "lobby", "message_id": str(said.id), **fields}
    change: Change = run(reactions.react, emoji=emoji, on=on, **values)
    return change


def shown(run: Run, world: World) -> list[tuple[str, int, list[str]]]:
    [message] = run(page, user_id=world.alice.pk, name="lobby", limit=50)
    return [(one.emoji, one.count, [user.username for user in one.users]) for one in message.reactions or []]


# --- Setting and taking away ------------------------------------------------------------------------------------------
def test_a_reaction_is_a_change_of_its_message_and_says_who(
    run: Run, world: World, said: StoredMessage, published: list[Event]
) -> None:
    change = react(run, world.bob, said)
    assert (change.room_name, change.id, change.seq, change.changed_seq) == ("lobby", said.id, 1, 2)
    assert frames(published) == [
        {
            "type": "reaction", "roomId": "lobby", "messageId": str(said.id), "seq": 1, "changedSeq": 2,
            "user": {"id": str(world.bob.pk), "username": "bob"}, "emoji": "👍", "on": True, "count": 1,
        }
    ]  # fmt: skip
    assert run(storage.message, message_id=said.id).changed_seq == 2
    assert run(lambda: Room.objects.get(pk=world.room.pk).last_seq) == 2


def test_what_is_so_already_stays_so(run: Run, world: World, said: StoredMessage, published: list[Event]) -> None:
    assert react(run, world.bob, said, on=False).changed_seq == 1
    first = react(run, world.bob, said, "❤️")
    published.clear()
    again = react(run, world.bob, said, "❤")
    assert (again.changed_seq, again.event, published) == (first.changed_seq, None, [])
    assert run(lambda: list(Reaction.objects.values_list("emoji", flat=True))) == ["❤️"]


def test_emojis_stand_in_the_order_of_their_first_use(run: Run, world: World, said: StoredMessage) -> None:
    react(run, world.alice, said, "👍")
    react(run, world.alice, said, "🎉")
    react(run, world.bob, said, "👍")
    react(run, world.alice, said, "👍", on=False)
    assert shown(run, world) == [("👍", 1, ["bob"]), ("🎉", 1, ["alice"])]
    react(run, world.bob, said, "👍", on=False)
    react(run, world.bob, said, "👍")
    assert shown(run, world) == [("🎉", 1, ["alice"]), ("👍", 1, ["bob"])]


def test_only_so_many_kinds_and_any_number_of_each(run: Run, world: World, said: StoredMessage, settings: Any) -> None:
    settings.CHAT_REACTION_KINDS = 2
    react(run, world.alice, said, "👍")
    react(run, world.alice, said, "🎉")
    with pytest.raises(Conflict, match="2 different emojis"):
        react(run, world.bob, said, "🚀")
    assert react(run, world.bob, said, "👍").event
    settings.CHAT_REACTION_KINDS = 0
    assert react(run, world.bob, said, "🚀").event


def test_a_list_is_one_transaction_in_which_each_sees_those_before(
    run: Run, world: World, said: StoredMessage, settings: Any
) -> None:
    settings.CHAT_REACTION_KINDS = 1

    def new(user: Any, emoji: str, *, on: bool = True) -> NewReaction:
        return NewReaction(world.room.pk, said.id, user.pk, emoji, on)

    alice, bob = world.alice, world.bob
    wanted = [
        new(alice, "👍"), new(alice, "👍"), new(bob, "🎉"), new(bob, "👍"), new(alice, "👍", on=False),
        new(alice, "👍"), new(bob, "👍", on=False),
    ]  # fmt: skip
    answers = run(reactions.store_reactions, wanted)
    seqs = [type(answer).__name__ if isinstance(answer, ChatError) else answer.changed_seq for answer in answers]
    assert seqs == [2, 2, "Conflict", 3, 4, 5, 6]
    assert [answer.event is not None for answer in answers if isinstance(answer, Change)] == [True, False] + [True] * 4
    assert shown(run, world) == [("👍", 1, ["alice"])]
    stored = run(Message.objects.get, pk=said.id)
    assert (stored.changed_seq, stored.reaction_count) == (6, 1)


@on_postgres
def test_two_new_kinds_at_once_do_not_exceed_the_limit(
    run: Run, world: World, said: StoredMessage, writers: Writers, settings: Any
) -> None:
    settings.CHAT_REACTION_KINDS = 1
    fields = {"name": "lobby", "message_id": str(said.id), "on": True}
    with uncommitted(writers(), reactions.react, actor=acts(world.alice), emoji="👍", **fields):
        second = begins_to_wait(run, writers(), reactions.react, actor=acts(world.bob), emoji="🎉", **fields)
        wanted = NewReaction(world.room.pk, said.id, world.bob.pk, "🎉", True)
        [held] = run(reactions.store_reactions, [wanted], wait=False)
        assert isinstance(held, Held)
    with pytest.raises(Conflict):
        second.result(20)


# --- Who, and at what -------------------------------------------------------------------------------------------------
@on_sqlite
@pytest.mark.parametrize("emoji", ["", "a", "👍👍", ":+1:"])
def test_only_one_emoji_is_a_reaction(run: Run, world: World, said: StoredMessage, emoji: str) -> None:
    with pytest.raises(BadFrame):
        react(run, world.bob, said, emoji)


@on_sqlite
@pytest.mark.parametrize(
    "case",
    [
        ({}, {"banned_until": from_now(1)}, Banned),
        ({}, {"muted_until": from_now(1)}, Muted),
        ({"closed_at": timezone.now()}, {}, Forbidden),
        ({}, {"visible_from_seq": 1}, NoSuchMessage),
        ({"locked": True}, {}, None),
        ({"slow_mode_s": 60}, {"posted_at": timezone.now()}, None),
    ],
    ids=["banned", "muted", "closed", "hidden", "locked", "slow"],
)
def test_who_may_read_and_is_not_muted_may_react(
    run: Run, world: World, said: StoredMessage, case: tuple[Any, Any, Any]
) -> None:
    room, membership, error = case
    run(lambda: Room.objects.filter(pk=world.room.pk).update(**room))
    run(restrict, world.room, world.bob, **membership)
    if error is None:
        assert react(run, world.bob, said).event
    else:
        with pytest.raises(error):
            react(run, world.bob, said)


@on_sqlite
def test_what_changes_after_a_command_was_read_counts_too(run: Run, world: World, said: StoredMessage) -> None:
    run(restrict, world.room, world.bob, muted_until=from_now(1))
    [answer] = run(reactions.store_reactions, [NewReaction(world.room.pk, said.id, world.bob.pk, "👍", True)])
    assert isinstance(answer, Muted)


@on_sqlite
def test_who_is_blocked_in_a_direct_room_may_not_react(run: Run, world: World, said: StoredMessage) -> None:
    run(lambda: Room.objects.filter(pk=world.room.pk).update(kind="direct"))
    for user in (world.alice, world.bob):
        run(restrict, world.room, user, role="member")
    run(Block.objects.create, blocker=world.alice, blocked=world.bob)
    with pytest.raises(Blocked):
        react(run, world.bob, said)


@on_sqlite
@pytest.mark.parametrize("message_id", ["99999", "x", "-1", "9" * 19])
def test_what_is_no_message_of_the_room_is_not_found(
    run: Run, world: World, said: StoredMessage, message_id: str
) -> None:
    [elsewhere] = run(post_messages, [world.new(room_id=world.private.pk)])
    for one in (message_id, str(elsewhere.id)):
        with pytest.raises(NoSuchMessage):
            react(run, world.bob, said, message_id=one)


@on_sqlite
def test_what_nobody_has_written_takes_no_reaction(run: Run, world: World, said: StoredMessage) -> None:
    run(lambda: Message.objects.update(kind="system"))
    with pytest.raises(NoSuchMessage):
        react(run, world.bob, said)


# --- What goes --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("many", [False, True])
def test_reactions_go_with_the_text(run: Run, world: World, said: StoredMessage, many: bool) -> None:
    react(run, world.bob, said)
    if many:
        run(deletions.erase_list, actor=acts(world.alice), room_id=world.room.pk, ids=[said.id])
    else:
        run(changes.delete_message, message_id=said.id)
    assert run(Reaction.objects.count) == 0
    assert run(Message.objects.get, pk=said.id).reaction_count == 0
    with pytest.raises(NoSuchMessage):
        react(run, world.bob, said)


def test_reactions_of_a_deleted_user_are_nobodys(run: Run, world: World, said: StoredMessage) -> None:
    react(run, world.bob, said)
    react(run, world.alice, said)
    run(world.bob.delete)
    assert shown(run, world) == [("👍", 2, ["deleted user", "alice"])]
    found, _ = run(reactions.page, actor=acts(world.alice), name="lobby", message_id=str(said.id), limit=50)
    assert [one.user.id for one in found] == ["0", str(world.alice.pk)]


@on_sqlite
def test_an_export_has_one_s_own_reactions(run: Run, world: World, said: StoredMessage) -> None:
    react(run, world.bob, said)
    [held] = run(people.export, user_id=world.bob.pk).reactions
    assert (held.room_id, held.seq, held.emoji) == ("lobby", 1, "👍")
    assert run(people.export, user_id=world.alice.pk).reactions == []


# --- Pages ------------------------------------------------------------------------------------------------------------
def test_who_resumes_is_sent_the_message_as_it_is_now(run: Run, world: World, said: StoredMessage) -> None:
    react(run, world.bob, said)
    read = run(lambda: snapshot(room=world.access(), after=1))
    [frame] = frames([Event("", read.history.payload)])[0]["messages"]
    assert (frame["type"], frame["changedSeq"], frame["content"]) == ("message-edited", 2, "hello")
    user = {"id": str(world.bob.pk), "username": "bob"}
    assert frame["reactions"] == [{"emoji": "👍", "count": 1, "users": [user]}]
    assert "editedAt" not in frame


@on_sqlite
def test_a_member_who_may_not_see_the_message_is_sent_its_number_alone(
    run: Run, world: World, said: StoredMessage, published: list[Event]
) -> None:
    react(run, world.alice, said)
    [event] = published
    assert event.of == 1
    [hidden] = frames([Event("", event.hidden)])
    assert (hidden["type"], hidden["changedSeq"]) == ("message-deleted", 2)
    [seen] = run(storage.changes, room_id=world.room.pk, after=1, above=1)
    assert seen.reactions is None


@pytest.mark.parametrize("reacted", [0, 1, 10])
def test_a_page_takes_one_statement_more_for_all_reactions_and_none_without(
    run: Run, world: World, reacted: int
) -> None:
    stored = run(post_messages, [world.new(str(number)) for number in range(10)])
    for message in stored[:reacted]:
        for emoji in ("👍", "🎉"):
            react(run, world.bob, message, emoji)

    def read() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            found = storage.page(room_id=world.room.pk, limit=50)
        assert [len(message.reactions or []) for message in found] == [2] * reacted + [0] * (10 - reacted)
        return len(queries)

    assert run(read) == (2 if reacted else 1)


def test_the_first_people_of_many_are_named_and_all_can_be_read(run: Run, world: World, said: StoredMessage) -> None:
    def react_all() -> list[str]:
        users = [make_user(f"user-{number:03}", password="") for number in range(60)]
        reactions.store_reactions([NewReaction(world.room.pk, said.id, user.pk, "👍", True) for user in users])
        return [user.username for user in users]

    names = run(react_all)
    assert shown(run, world) == [("👍", 60, names[:50])]
    fields = {"actor": acts(world.alice), "name": "lobby", "message_id": str(said.id), "limit": 40}
    first, after = run(reactions.page, **fields)
    second, end = run(reactions.page, **fields, after=after)
    assert [one.user.username for one in [*first, *second]] == names
    assert end is None
