"""What rooms say of themselves: after which changes, in the same transaction, and what nobody can do with it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from rooms import storage
from rooms.callers import CODE, Actor
from rooms.errors import NoSuchMessage
from rooms.live.events import Event
from rooms.models import Membership, Message, Room
from rooms.services import (
    changes,
    deletions,
    edits,
    invitations,
    marks,
    members,
    moderation,
    people,
    pins,
    reactions,
    replies,
    reports,
    room_settings,
)
from rooms.services.history import page, snapshot
from rooms.services.posting import post_messages
from rooms.storage import StoredMessage
from tests.support.factories import make_user
from tests.support.rooms import Run, World, frames, restrict

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference
Act = Callable[[World], object]


def acts(user: Any, *roles: str) -> Actor:
    return Actor(user.pk, ("user", *roles), "socket", user.username)


def update(**values: Any) -> Act:
    return lambda world: room_settings.update_room(actor=acts(world.alice), name="lobby", **values)


def moderate(action: str, **values: Any) -> Act:
    return lambda world: moderation.moderate(
        actor=acts(world.alice), name="lobby", username="bob", action=action, **values
    )


def accept(world: World) -> None:
    code = invitations.create(actor=acts(world.alice), name="private").code
    invitations.accept(actor=acts(world.bob), code=code)


def leave_private(world: World) -> None:
    restrict(world.private, world.bob)
    members.unfollow(actor=acts(world.bob), name="private")


def pin(world: World) -> None:
    [message] = post_messages([world.new()])
    assert isinstance(message, StoredMessage)
    pins.pin_message(actor=acts(world.alice), name="lobby", message_id=str(message.id))


@pytest.fixture
def owned(run: Run, world: World) -> World:
    """Both rooms are alice's; bob is a member of the public one."""
    for room in (world.room, world.private):
        run(restrict, room, world.alice, role=Membership.Role.OWNER)
    run(restrict, world.room, world.bob)
    return world


def events(run: Run, world: World, name: str = "lobby") -> list[dict[str, Any]]:
    read = run(lambda: snapshot(room=world.access(name)))
    shown = frames([Event("", read.history.payload)])[0]["messages"]
    return [message for message in shown if message.get("kind") == "system"]


# --- After which changes ----------------------------------------------------------------------------------------------
BOB = {"id": "2", "username": "bob"}


@pytest.mark.parametrize(
    "case",
    [
        ("lobby", "alice", update(topic="news"), {"name": "room-updated", "topic": "news"}),
        (
            "lobby",
            "alice",
            update(title="Hall", slow_mode_s=5, locked=True),
            {"name": "room-updated", "title": "Hall", "slowModeS": 5, "locked": True},
        ),
        (
            "private",
            "alice",
            lambda world: room_settings.update_room(actor=acts(world.alice), name="private", history="joined"),
            {"name": "room-updated", "history": "joined"},
        ),
        (
            "lobby",
            "alice",
            lambda world: room_settings.close_room(actor=acts(world.alice), name="lobby"),
            {"name": "room-updated", "closed": True},
        ),
        (
            "private",
            "alice",
            lambda world: members.invite(actor=acts(world.alice), name="private", username="bob"),
            {"name": "member-added", "user": BOB},
        ),
        ("private", "bob", accept, {"name": "member-joined"}),
        ("private", "bob", leave_private, {"name": "member-left"}),
        ("lobby", "alice", moderate("remove"), {"name": "member-removed", "user": BOB}),
        (
            "lobby",
            "alice",
            moderate("role", role="moderator"),
            {"name": "role-changed", "user": BOB, "role": "moderator"},
        ),
        ("lobby", "alice", pin, {"name": "message-pinned", "messageId": "1", "seq": 1}),
    ],
    ids=lambda case: "-".join(case[3]),
)
def test_a_room_says_what_was_changed(
    run: Run, owned: World, published: list[Event], case: tuple[str, str, Act, dict[str, Any]]
) -> None:
    room, by, act, event = case
    run(act, owned)
    [message] = events(run, owned, room)
    assert (message["type"], message["user"]["username"], message["content"]) == ("chat-message", by, "")
    assert message["event"] == event
    head = run(lambda: Room.objects.get(name=room).last_seq)
    assert message["seq"] == message["changedSeq"] == head
    assert [one.seq for one in published if one.seq] == list(range(1, head + 1)), "sent, in the order of the room"


@on_sqlite
@pytest.mark.parametrize(
    "act",
    [
        moderate("kick"),
        moderate("mute"),
        moderate("ban", reason="an insult"),
        moderate("role", role="member"),
        update(topic=""),
        lambda world: members.unfollow(actor=acts(world.bob), name="lobby"),
        lambda world: members.follow(actor=acts(world.bob), name="lobby"),
    ],
)
def test_a_room_says_nothing_of_what_changes_nothing_or_is_not_everybodys_concern(
    run: Run, owned: World, act: Act
) -> None:
    run(act, owned)
    assert events(run, owned) == []


@on_sqlite
def test_what_the_sites_own_code_does_is_said_as_such(run: Run, owned: World) -> None:
    run(room_settings.change_room, actor=CODE, room_id=owned.room.pk, topic="news")
    run(members.remove_member, actor=CODE, room=run(owned.access), user_id=owned.bob.pk)
    shown = events(run, owned)
    assert [message["event"] for message in shown] == [
        {"name": "room-updated", "topic": "news", "site": True},
        {"name": "member-removed", "user": BOB, "site": True},
    ]
    assert {message["user"]["id"] for message in shown} == {"0"}


@on_sqlite
def test_a_setting_turns_them_off(run: Run, owned: World, settings: Any) -> None:
    settings.CHAT_SYSTEM_MESSAGES = False
    run(update(topic="news"), owned)
    assert events(run, owned) == []
    assert run(lambda: Room.objects.get(name="lobby").last_seq) == 0


def test_a_change_that_is_rolled_back_is_not_said(run: Run, owned: World, published: list[Event]) -> None:
    def attempt() -> None:
        with transaction.atomic():
            update(topic="news")(owned)
            transaction.set_rollback(True)

    run(attempt)
    assert published == []
    assert events(run, owned) == []


@on_sqlite
def test_names_are_those_of_today(run: Run, owned: World) -> None:
    run(moderate("role", role="moderator"), owned)
    run(moderate("remove"), owned)
    owned.bob.username = "robert"
    run(owned.bob.save)
    assert [message["event"]["user"]["username"] for message in events(run, owned)] == ["robert", "robert"]
    run(owned.bob.delete)
    users = [message["event"]["user"] for message in events(run, owned)]
    assert users == [{"id": "0", "username": "deleted user"}] * 2


# --- What nobody can do with them -------------------------------------------------------------------------------------
@pytest.fixture
def said(run: Run, owned: World) -> StoredMessage:
    """A message of the system, by alice."""
    run(update(topic="news"), owned)
    message: StoredMessage = run(lambda: storage.page(room_id=owned.room.pk, limit=1)[0])
    return message


@on_sqlite
@pytest.mark.parametrize(
    "act",
    [
        lambda **place: edits.edit_message(**place, content="else"),
        deletions.delete_message,
        pins.pin_message,
        lambda **place: reactions.react(**place, emoji="👍", on=True),
        lambda **place: reports.report_message(**place, reason="x"),
        lambda **place: replies.page(**place, limit=9),
        lambda **place: marks.readers(**place, limit=9),
    ],
)
def test_it_is_no_message_to_act_on(run: Run, owned: World, said: StoredMessage, act: Any) -> None:
    with pytest.raises(NoSuchMessage):
        run(act, actor=acts(owned.alice), name="lobby", message_id=str(said.id))
    assert events(run, owned)[0]["changedSeq"] == said.seq


@on_sqlite
def test_nobody_answers_it(run: Run, owned: World, said: StoredMessage) -> None:
    [answer] = run(post_messages, [owned.new("me too", reply_to=said.id)])
    assert isinstance(answer, NoSuchMessage)


def test_it_stays_when_all_that_its_author_wrote_is_deleted(run: Run, owned: World, said: StoredMessage) -> None:
    [message] = run(post_messages, [owned.new()])
    actor = acts(owned.alice)
    assert run(deletions.erase_all_of, actor=actor, room_id=owned.room.pk, user_id=owned.alice.pk).count == 1
    assert run(deletions.erase_list, actor=actor, room_id=owned.room.pk, ids=[said.id, message.id]).count == 0
    assert not run(changes.delete_message, message_id=said.id)
    assert [one["messageId"] for one in events(run, owned)] == [str(said.id)]


@pytest.mark.parametrize("setting", ["keep", "delete"])
def test_it_stays_without_a_name_when_the_account_of_its_author_goes(
    run: Run, owned: World, said: StoredMessage, settings: Any, setting: str
) -> None:
    settings.CHAT_ERASED_MESSAGES = setting
    assert run(lambda: list(people.erase_messages(user_id=owned.alice.pk))) == [1]
    [event] = events(run, owned)
    assert (event["messageId"], event["user"]["id"], event["event"]["topic"]) == (str(said.id), "0", "news")


@on_sqlite
def test_it_is_nobodys_message_in_an_export(run: Run, owned: World, said: StoredMessage) -> None:
    run(post_messages, [owned.new("mine")])
    assert [one.content for one in run(people.export, user_id=owned.alice.pk).messages] == ["mine"]


@on_sqlite
def test_a_page_of_them_costs_as_many_statements_as_one(run: Run, owned: World) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(user_id=owned.alice.pk, name="lobby", limit=50)
        return len(captured)

    run(moderate("role", role="moderator"), owned)
    few = run(statements)
    for number in range(5):
        user = run(make_user, f"user-{number}")
        run(members.add_member, actor=CODE, room=run(owned.access), user_id=user.pk)
    assert run(Message.objects.count) == 6
    assert run(statements) <= few + 1, "those whose names are not known yet are read at once"
