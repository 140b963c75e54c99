"""Whom messages mention, on both databases: stored, counted, changed by edits, and who is informed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rooms import people
from rooms.callers import Actor
from rooms.errors import BadFrame
from rooms.live import control, topics
from rooms.live.control import Mentioned
from rooms.live.events import Event
from rooms.models import Bot, Membership, Mention, Message
from rooms.services import edits, marks
from rooms.services.blocks import set_block
from rooms.services.changes import delete_message, edit_message
from rooms.services.deletions import erase_all_of, erase_list
from rooms.services.history import page
from rooms.services.people import erase_messages
from rooms.services.posting import post_messages, store_messages
from rooms.services.retention import prune
from rooms.storage import StoredMessage
from tests.support.factories import make_user
from tests.support.rooms import Run, World, frames, restrict

Say = Callable[..., StoredMessage]


@pytest.fixture
def members(run: Run, world: World) -> World:
    for user in (world.alice, world.bob):
        run(restrict, world.room, user)
    return world


@pytest.fixture
def say(run: Run, members: World, published: list[Event]) -> Say:
    """Alice writes in the lobby."""

    def post(content: str, **fields: Any) -> StoredMessage:
        [answer] = run(post_messages, [members.new(content, **fields)])
        if isinstance(answer, Exception):
            raise answer
        found: StoredMessage = answer
        return found

    return post


def named(message: StoredMessage) -> list[str]:
    return [user.username for user in message.mentions or ()]


def shown(run: Run, world: World) -> list[Any]:
    """The mentions of the lobby's messages, as a page has them."""
    return [one.mentions for one in run(page, user_id=world.alice.pk, name="lobby", limit=50)]


def notices(published: list[Event]) -> list[Mentioned]:
    decoded = [control.decode(event.payload) for event in published if event.topic == topics.CONTROL]
    return [one for one in decoded if isinstance(one, Mentioned)]


def counted(run: Run, user: Any, name: str = "lobby") -> int:
    [room] = [room for room in run(marks.unread, user_id=user.pk) if room.room_id == name]
    return int(room.mentions)


def edit(run: Run, world: World, message: StoredMessage, content: str, *roles: str, **fields: Any) -> StoredMessage:
    actor = Actor(world.alice.pk, ("user", *roles), "socket", "alice")
    found: StoredMessage = run(
        edits.edit_message, actor=actor, name="lobby", message_id=str(message.id), content=content, **fields
    )
    return found


# --- Whom a message mentions ------------------------------------------------------------------------------------------
def test_a_name_in_the_text_and_one_beside_it(run: Run, members: World, say: Say, published: list[Event]) -> None:
    carol = run(make_user, "Carol")
    run(restrict, members.room, carol)
    message = say("hi @Bob", mentions=("carol", "bob"))
    assert named(message) == ["Carol", "bob"]
    bob = {"id": str(members.bob.pk), "username": "bob"}
    assert bob in frames(published)[0]["mentions"]
    assert [len(found) for found in shown(run, members)] == [2]
    assert set(notices(published)[0].keys) == {str(members.bob.pk), str(carol.pk)}


def test_the_longest_name_of_a_member_counts(run: Run, members: World, say: Say) -> None:
    for name in ("张三", "张三丰", "李四"):
        run(restrict, members.room, run(make_user, name))
    assert named(say("@张三你好，@张三丰也好@李四")) == ["张三", "张三丰", "李四"]
    run(Membership.objects.filter(user__username="张三丰").update, role="none")
    assert named(say("@张三丰你好")) == ["张三"]


def test_nobody_mentions_themselves_or_who_is_no_member(run: Run, members: World, say: Say) -> None:
    stranger = run(make_user, "stranger")
    message = say("@alice @stranger", mentions=("alice", "stranger", "nobody"))
    assert (message.mentions, message.mention_count) == (None, 0)
    run(restrict, members.room, stranger, role="none")
    assert named(say("@stranger")) == []


def test_members_of_another_room_are_not_mentioned_here(run: Run, members: World, say: Say) -> None:
    run(restrict, members.private, run(make_user, "carol"))
    messages = [members.new("@carol @bob"), members.new("@carol @bob", room_id=members.private.pk)]
    answers = run(post_messages, messages)
    assert [named(answer) for answer in answers] == [["bob"], ["carol"]]


def test_at_most_fifty_are_mentioned(run: Run, members: World, say: Say, settings: Any) -> None:
    settings.CHAT_MAX_MENTIONS = 2
    for name in ("carol", "dave"):
        run(restrict, members.room, run(make_user, name))
    assert named(say("@bob @carol @dave @alice")) == ["bob", "carol"]
    settings.CHAT_MAX_MENTIONS = 0
    assert len(named(say("@bob @carol @dave"))) == 3


def test_more_names_beside_a_text_than_may_be_are_refused(run: Run, members: World, say: Say, settings: Any) -> None:
    settings.CHAT_MAX_MENTIONS = 1
    message = say("@bob")
    with pytest.raises(BadFrame):
        edit(run, members, message, "hi", names=["bob", "carol"])
    assert named(edit(run, members, message, "hi", names=["bob", "bob"])) == ["bob"]


def test_bots_mention_nobody_unless_they_may(run: Run, members: World, say: Say) -> None:
    silent = say("@bob @room", mentions=("bob",), bot=True)
    assert (named(silent), silent.mentions_room) == ([], False)
    system = say("@bob @room", mentions=("bob",), kind=Message.Kind.SYSTEM.value)
    assert (named(system), system.mentions_room) == ([], False)
    allowed = say("@bob @room", bot=True, bot_mentions=True)
    assert (named(allowed), allowed.mentions_room) == (["bob"], True)


def test_plain_messages_ask_for_no_names(run: Run, members: World, published: list[Event]) -> None:
    def statements(content: str) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            store_messages([members.new(content)])
        return [query["sql"] for query in queries]

    run(statements, "@bob")  # whatever is read once
    assert not [sql for sql in run(statements, "hello") if "mention" in sql]
    assert [sql for sql in run(statements, "hello @bob") if "mention" in sql]


def test_many_messages_are_looked_up_and_stored_at_once(run: Run, members: World, published: list[Event]) -> None:
    def statements(count: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            store_messages([members.new(f"@bob {number}") for number in range(count)])
        return len([one for one in queries if "chat_rooms_mention" in one["sql"] or "username_key" in one["sql"]])

    run(statements, 1)
    assert run(statements, 40) == run(statements, 1)


# --- Everybody --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("role", "site", "may"),
    [("member", False, False), ("moderator", False, True), ("owner", False, True), ("member", True, True)],
)
def test_only_moderators_mention_everybody_in_a_large_room(
    run: Run, members: World, say: Say, settings: Any, role: str, *, site: bool, may: bool
) -> None:
    settings.CHAT_MAX_ROOM_MENTION_MEMBERS = 2
    run(restrict, members.room, members.alice, role=role)
    assert say("@room", moderates=site).mentions_room, "two members are not too many"
    run(restrict, members.room, run(make_user))
    assert say("@room", moderates=site).mentions_room == may
    assert edit(run, members, say("hi"), "@room", *["moderator"] * site).mentions_room == may
    settings.CHAT_MAX_ROOM_MENTION_MEMBERS = 0
    assert say("@room", moderates=site).mentions_room


def test_everybody_is_one_flag(run: Run, members: World, say: Say, published: list[Event]) -> None:
    say("@room")
    assert frames(published)[0]["mentionsRoom"] is True
    assert run(Mention.objects.count) == 0
    assert (counted(run, members.bob), counted(run, members.alice)) == (1, 0)
    assert [(one.everybody, one.keys) for one in notices(published)] == [(True, [])]


# --- Counting ---------------------------------------------------------------------------------------------------------
def test_the_count_follows_reading_and_deletion(run: Run, members: World, say: Say) -> None:
    first, second, third = say("@bob"), say("@bob @room"), say("@room")
    say("bob")
    say("@alice", author_id=members.bob.pk)
    assert (counted(run, members.bob), counted(run, members.alice)) == (3, 1)
    run(delete_message, message_id=second.id)
    assert counted(run, members.bob) == 2
    run(marks.mark_read, [marks.Wish(members.room.pk, members.bob.pk, first.seq)])
    assert counted(run, members.bob) == 1
    run(marks.mark_unread, actor=Actor(members.bob.pk, ("user",), "rest", "bob"), name="lobby", seq=0)
    assert counted(run, members.bob) == 2
    alice = Actor(members.alice.pk, ("user",), "rest", "alice")
    run(erase_list, actor=alice, room_id=members.room.pk, ids=[third.id])
    assert counted(run, members.bob) == 1
    run(erase_all_of, actor=alice, room_id=members.room.pk, user_id=members.alice.pk)
    assert (counted(run, members.bob), counted(run, members.alice)) == (0, 1)
    assert run(Mention.objects.count) == 1


def test_answers_are_not_counted_as_mentions(run: Run, members: World, say: Say) -> None:
    theirs = say("hi", author_id=members.bob.pk)
    reply = say("yes", reply_to=theirs.id)
    assert (reply.mentions, counted(run, members.bob)) == (None, 0)
    both = say("@bob yes", reply_to=theirs.id)
    assert (named(both), counted(run, members.bob)) == (["bob"], 1)
    assert run(Mention.objects.count) == 2


def test_hidden_messages_and_those_of_blocked_people_are_not_counted(run: Run, members: World, say: Say) -> None:
    say("@bob")
    say("@room")
    run(restrict, members.room, members.bob, visible_from_seq=1)
    assert counted(run, members.bob) == 1
    run(set_block, user_id=members.bob.pk, username="alice", on=True)
    assert counted(run, members.bob) == 0


def test_the_count_stops_at_a_hundred(run: Run, members: World, published: list[Event]) -> None:
    run(store_messages, [members.new("@bob") for _ in range(101)])
    assert counted(run, members.bob) == 100


def test_what_goes_with_messages_and_users(run: Run, members: World, say: Say, settings: Any) -> None:
    carol = run(make_user, "carol")
    run(restrict, members.room, carol)
    message = say("@carol @bob")
    run(carol.delete)
    assert [user.username for user in shown(run, members)[0]] == ["bob"]
    assert message.mention_count == 2
    list(run(lambda: list(erase_messages(user_id=members.alice.pk))))
    assert run(Mention.objects.count) == 1, "the text stays, and with it whom it mentions"
    for _ in range(2):
        say("later", author_id=members.bob.pk)
    run(lambda: list(prune(room_id=members.room.pk, keep=1)))
    assert run(Mention.objects.count) == 0
    settings.CHAT_ERASED_MESSAGES = "delete"
    say("@alice", author_id=members.bob.pk)
    run(lambda: list(erase_messages(user_id=members.bob.pk)))
    assert run(Mention.objects.count) == 0


# --- Edits ------------------------------------------------------------------------------------------------------------
def test_an_edit_informs_only_who_is_named_newly(run: Run, members: World, say: Say, published: list[Event]) -> None:
    carol = run(make_user, "carol")
    run(restrict, members.room, carol)
    message = say("@bob")
    published.clear()
    edited = edit(run, members, message, "@bob and @carol")
    assert (named(edited), edited.mention_count) == (["bob", "carol"], 2)
    assert [one.keys for one in notices(published)] == [[str(carol.pk)]]
    [changed] = [frame for frame in frames(published) if frame["type"] == "message-edited"]
    assert [user["username"] for user in changed["mentions"]] == ["bob", "carol"]
    published.clear()
    assert named(edit(run, members, message, "@carol alone")) == ["carol"]
    assert notices(published) == []
    assert (counted(run, members.bob), counted(run, carol)) == (0, 1)
    assert edit(run, members, message, "nobody").mentions is None
    assert run(Mention.objects.count) == 0


def test_an_edit_informs_everybody_once(run: Run, members: World, say: Say, published: list[Event]) -> None:
    message = say("hi")
    published.clear()
    assert edit(run, members, message, "hi @room").mentions_room
    assert [one.everybody for one in notices(published)] == [True]
    published.clear()
    assert edit(run, members, message, "hi, @room").mentions_room
    assert notices(published) == []
    assert not edit(run, members, message, "hi").mentions_room


def test_whom_a_message_answers_it_concerns_whatever_an_edit_names(run: Run, members: World, say: Say) -> None:
    theirs = say("hi", author_id=members.bob.pk)
    message = say("@bob yes", reply_to=theirs.id)
    edit(run, members, message, "yes")
    assert list(run(lambda: list(Mention.objects.values_list("by_name", flat=True)))) == [False]
    edit(run, members, message, "yes @bob")
    assert list(run(lambda: list(Mention.objects.values_list("by_name", flat=True)))) == [True]


def test_a_bot_names_by_an_edit_only_if_it_did_before_or_may(run: Run, members: World, say: Say) -> None:
    silent, allowed = say("@bob", bot=True), say("@bob", bot=True, bot_mentions=True)
    run(Message.objects.update, bot=True)
    assert named(run(edit_message, message_id=silent.id, content="@bob!")) == []
    assert named(run(edit_message, message_id=allowed.id, content="@bob!")) == ["bob"]
    everybody, later = say("@room", bot=True, bot_mentions=True), say("soon", bot=True)
    assert run(edit_message, message_id=everybody.id, content="@room!").mentions_room, "not only people"
    assert named(run(edit_message, message_id=later.id, content="@bob")) == []
    run(lambda: Bot.objects.create(user=members.alice, may_mention=True))
    assert named(run(edit_message, message_id=later.id, content="@bob, now")) == ["bob"]


# --- Storage ----------------------------------------------------------------------------------------------------------
def test_a_repeated_client_id_mentions_once(run: Run, members: World, published: list[Event]) -> None:
    message = members.new("@bob", "c1")
    run(post_messages, [message, message])
    run(post_messages, [message])
    assert run(Mention.objects.count) == 1
    assert len(notices(published)) == 1


def test_names_are_found_without_keys_of_names(run: Run, members: World, say: Say, monkeypatch: Any) -> None:
    """As with a project's own users: all members of the room are compared."""
    monkeypatch.setattr("rooms.services.mentions.storage.has_name_keys", lambda: False)
    assert named(say("hi @BOB!", mentions=("BOB",))) == ["bob"]
    monkeypatch.setattr("rooms.services.mentions.MEMBERS_READ", 1)
    assert named(say("hi @bob")) == []


def friendly(user: Any) -> str:
    return "Ana Maria" if user.username in {"bob", "twin"} else user.username.title()


def test_names_of_functions_may_have_spaces_and_be_shared(run: Run, members: World, say: Say, settings: Any) -> None:
    settings.CHAT_DISPLAY_NAME = f"{__name__}.friendly"
    people._kept.clear()
    twin = run(make_user, "twin")
    run(restrict, members.room, twin)
    assert {user.id for user in say("hi @ana maria!").mentions or ()} == {str(members.bob.pk), str(twin.pk)}
    assert [user.id for user in say("hi", mentions=(str(twin.pk), "x")).mentions or ()] == [str(twin.pk)]
    assert [user.username for user in shown(run, members)[1]] == ["Ana Maria"]
    people._kept.clear()
