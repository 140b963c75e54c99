"""What somebody has missed, and who gets a notice of a message, on both databases."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rooms.callers import Actor
from rooms.errors import BadFrame
from rooms.live.events import Event
from rooms.models import Membership, Room
from rooms.services import marks
from rooms.services.blocks import set_block
from rooms.services.changes import delete_message, edit_message
from rooms.services.direct import open_direct
from rooms.services.missed import missed, notices
from rooms.services.posting import post_messages
from rooms.storage import StoredMessage
from tests.support.factories import make_user
from tests.support.rooms import Run, World, from_now, restrict

Say = Callable[..., StoredMessage]


def nobody(_user: Any, _room: Any) -> bool:
    return False


def fails_for_bob(user: Any, _room: Any) -> bool:
    if user.username == "bob":
        raise ValueError("nobody knows")
    return True


@pytest.fixture
def members(run: Run, world: World) -> World:
    """Bob is in three rooms."""
    for user in (world.alice, world.bob):
        run(restrict, world.room, user)
    run(restrict, world.private, world.bob)
    return world


@pytest.fixture
def say(run: Run, members: World, published: list[Event]) -> Say:
    """Alice writes, in the lobby where nothing else is said."""

    def post(content: str, **fields: Any) -> StoredMessage:
        [answer] = run(post_messages, [members.new(content, **fields)])
        if isinstance(answer, Exception):
            raise answer
        found: StoredMessage = answer
        return found

    return post


def concerned(run: Run, world: World, **options: Any) -> list[tuple[str, str]]:
    """What bob has missed: why, and the text."""
    page = run(missed, user_id=world.bob.pk, **options)
    return [(one.why, one.message.content) for one in page.mentions]


def notified(run: Run, message: StoredMessage, *users: Any) -> list[tuple[Any, str]]:
    found = run(notices, message_id=message.id, user_ids={user.pk for user in users})
    return [(user_id, msgspec.json.decode(frame)["why"]) for user_id, frame in found]


# --- What was missed --------------------------------------------------------------------------------------------------
def test_mentions_answers_and_everybody_of_all_rooms_the_newest_first(run: Run, members: World, say: Say) -> None:
    theirs = say("mine", author_id=members.bob.pk)
    say("@bob one")
    say("nothing")
    say("two", reply_to=theirs.id)
    say("@room three", room_id=members.private.pk)
    say("@bob @room four", reply_to=theirs.id)
    say("@room of my own", author_id=members.bob.pk)
    say("@room five", reply_to=theirs.id)
    expected = [("reply", "@room five"), ("mention", "@bob @room four"), ("room", "@room three"), ("reply", "two")]
    assert concerned(run, members) == [*expected, ("mention", "@bob one")]
    page = run(missed, user_id=members.bob.pk)
    assert [(room.room_id, room.unread, room.mentions) for room in page.rooms] == [("lobby", 5, 3), ("private", 1, 1)]
    assert page.mentions[1].message.mentions[0].username == "bob"
    assert page.mentions[1].message.reply_to.excerpt == "mine"


def test_pages_are_complete_and_without_doubles_while_more_is_said(run: Run, members: World, say: Say) -> None:
    for number in range(5):
        say(f"@bob {number}")
    seen, page = [], run(missed, user_id=members.bob.pk, limit=2)
    while True:
        seen += [one.message.content for one in page.mentions]
        say("@bob late")
        if page.next is None:
            break
        page = run(missed, user_id=members.bob.pk, limit=2, before=page.next)
        assert page.rooms is None, "they are on the first page"
    assert seen == [f"@bob {number}" for number in (4, 3, 2, 1, 0)]


def test_what_was_read_deleted_or_taken_back_was_not_missed(run: Run, members: World, say: Say) -> None:
    first, second, third, _ = say("@bob 1"), say("@bob 2"), say("@bob 3"), say("@bob 4")
    run(marks.mark_read, [marks.Wish(members.room.pk, members.bob.pk, first.seq)])
    run(delete_message, message_id=second.id)
    run(edit_message, message_id=third.id, content="3")
    assert concerned(run, members) == [("mention", "@bob 4")]


def test_nothing_is_shown_of_what_one_may_not_read(run: Run, members: World, say: Say, settings: Any) -> None:
    say("@bob @room")
    say("@bob @room")
    for fields in ({"visible_from_seq": 2}, {"visible_from_seq": 0, "banned_until": from_now(1)}):
        run(restrict, members.room, members.bob, **fields)
        assert concerned(run, members) == []
    run(restrict, members.room, members.bob, banned_until=None)
    assert len(concerned(run, members)) == 2
    settings.CHAT_CAN_JOIN = f"{__name__}.nobody"
    assert concerned(run, members) == []
    settings.CHAT_CAN_JOIN = None
    run(restrict, members.room, members.bob, role="none")
    assert concerned(run, members) == []


def test_people_whom_one_has_blocked_are_left_out(run: Run, members: World, say: Say) -> None:
    theirs = say("mine", author_id=members.bob.pk)
    say("@bob @room", reply_to=theirs.id)
    say("@room")
    run(set_block, user_id=members.bob.pk, username="alice", on=True)
    assert concerned(run, members) == []


def test_a_page_behind_many_rooms_that_one_may_not_read_is_full(
    run: Run, members: World, say: Say, monkeypatch: Any
) -> None:
    monkeypatch.setattr("rooms.services.missed.READ_AT_ONCE", 2)
    say("@bob shown")
    for _ in range(3):
        say("@bob hidden", room_id=members.private.pk)
    run(restrict, members.private, members.bob, banned_until=from_now(1))
    assert concerned(run, members) == [("mention", "@bob shown")]


def test_a_room_that_one_may_not_read_costs_the_same_however_much_is_in_it(
    run: Run, members: World, say: Say, monkeypatch: Any
) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert missed(user_id=members.bob.pk).mentions == []
        return len(queries)

    monkeypatch.setattr("rooms.services.missed.READ_AT_ONCE", 2)
    run(restrict, members.room, members.bob, banned_until=from_now(1))
    for _ in range(2):
        say("@bob @room")
    few = run(statements)
    for _ in range(6):
        say("@bob @room")
    assert run(statements) == few


@pytest.mark.parametrize("before", ["x", "²", "9" * 30, "-1"])
def test_a_place_that_is_none_is_refused(run: Run, members: World, before: str) -> None:
    with pytest.raises(BadFrame):
        run(missed, user_id=members.bob.pk, before=before)


def test_the_number_of_statements_depends_on_rooms_and_not_on_messages(run: Run, members: World, say: Say) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            missed(user_id=members.bob.pk, limit=50)
        return len(queries)

    say("@bob")
    few = run(statements)
    for _ in range(10):
        say("@bob")
    assert run(statements) == few <= 5


# --- Notices ----------------------------------------------------------------------------------------------------------
def test_a_notice_says_why(run: Run, members: World, say: Say) -> None:
    theirs = say("mine", author_id=members.bob.pk)
    everybody = (members.alice, members.bob)
    bob = members.bob.pk
    assert notified(run, say("@bob"), *everybody) == [(bob, "mention")]
    assert notified(run, say("@room"), *everybody) == [(bob, "room")]
    assert notified(run, say("yes", reply_to=theirs.id), *everybody) == [(bob, "reply")]
    assert notified(run, say("hi"), *everybody) == []


@pytest.mark.parametrize(
    "fields", [{"level": "none"}, {"role": "none"}, {"banned_until": from_now(1)}, {"visible_from_seq": 9}]
)
def test_who_wants_none_or_may_not_read_gets_no_notice(run: Run, members: World, say: Say, fields: Any) -> None:
    message = say("@bob")
    assert len(notified(run, message, members.bob)) == 1
    run(restrict, members.room, members.bob, **fields)
    assert notified(run, message, members.bob) == []


def test_no_notice_of_people_whom_one_has_blocked(run: Run, members: World, say: Say) -> None:
    run(set_block, user_id=members.bob.pk, username="alice", on=True)
    assert notified(run, say("@bob @room"), members.bob) == []


def test_the_level_of_mentions_takes_notices(run: Run, members: World, say: Say) -> None:
    run(restrict, members.room, members.bob, level=Membership.Level.MENTIONS)
    assert len(notified(run, say("@bob"), members.bob)) == 1


def test_the_projects_function_is_asked_when_a_notice_is_sent(
    run: Run, members: World, say: Say, settings: Any
) -> None:
    message = say("@bob")
    settings.CHAT_CAN_JOIN = f"{__name__}.nobody"
    assert notified(run, message, members.bob) == []


def test_who_cannot_be_asked_about_takes_no_notice_from_the_others(
    run: Run, members: World, say: Say, settings: Any
) -> None:
    carol = run(make_user, "carol")
    run(restrict, members.room, carol)
    message = say("@room")
    settings.CHAT_CAN_JOIN = f"{__name__}.fails_for_bob"
    assert notified(run, message, members.bob, carol) == [(carol.pk, "room")]


def test_what_was_deleted_or_taken_back_meanwhile_gives_no_notice(run: Run, members: World, say: Say) -> None:
    deleted, edited = say("@bob"), say("@bob @room")
    run(delete_message, message_id=deleted.id)
    run(edit_message, message_id=edited.id, content="nobody")
    assert notified(run, deleted, members.bob) == notified(run, edited, members.bob) == []


def test_a_removed_room_gives_no_notice(run: Run, members: World, say: Say) -> None:
    message = say("@bob")
    run(Room.objects.filter(pk=members.room.pk).update, removed_at=from_now(0))
    assert notified(run, message, members.bob) == []


def test_a_notice_shows_no_answered_message_that_is_hidden(run: Run, members: World, say: Say) -> None:
    theirs = say("secret", author_id=members.bob.pk)
    carol = run(make_user, "carol")
    run(restrict, members.room, carol, visible_from_seq=theirs.seq)
    message = say("@carol @bob", reply_to=theirs.id)
    found = dict(run(notices, message_id=message.id, user_ids={carol.pk, members.bob.pk}))
    assert b"secret" in found[members.bob.pk]
    assert b"secret" not in found[carol.pk]


def test_statements_for_a_notice_do_not_grow_with_its_users(run: Run, members: World, say: Say) -> None:
    others = [run(make_user) for _ in range(5)]
    for user in others:
        run(restrict, members.room, user)
    message = say("@room")

    def statements(users: list[Any]) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(notices(message_id=message.id, user_ids={user.pk for user in users})) == len(users)
        return len(queries)

    assert run(statements, others[:1]) == run(statements, others)


def test_of_many_connected_users_the_rooms_members_get_a_notice(
    run: Run, members: World, say: Say, monkeypatch: Any
) -> None:
    monkeypatch.setattr("rooms.services.missed.USERS_ASKED", 1)
    carol, stranger = run(make_user, "carol"), run(make_user)
    run(restrict, members.room, carol)
    message = say("@room")
    assert sorted(notified(run, message, members.bob, stranger)) == [(members.bob.pk, "room")]


def test_the_people_of_a_direct_room_are_mentioned(run: Run, members: World, say: Say) -> None:

    room = run(open_direct, actor=Actor(members.alice.pk, ("user",), "rest", "alice"), usernames=["bob"])
    message = say("@bob", room_id=room.room_id)
    assert [user.username for user in message.mentions or ()] == ["bob"]
    assert concerned(run, members) == [("mention", "@bob")]
