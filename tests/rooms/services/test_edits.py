"""Editing one's own messages: who may, until when, what is kept of the text before, and for how long."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from rooms import storage
from rooms.callers import Actor
from rooms.errors import (
    BadFrame,
    Banned,
    Blocked,
    Conflict,
    EditWindowOver,
    Filtered,
    Forbidden,
    Locked,
    Muted,
    NoSuchMessage,
    NoSuchRoom,
    TooLarge,
)
from rooms.live.events import Event
from rooms.models import Block, FilterPhrase, Membership, Message, MessageVersion, Room
from rooms.services import deletions, edits, filters, people, retention
from rooms.services.posting import post_messages
from rooms.storage import StoredMessage
from tests.support.rooms import Run, World, Writers, begins_to_wait, frames, from_now, restrict, uncommitted

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference
on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)  # where only several writers at once show it


def acts(user: Any, *roles: str) -> Actor:
    return Actor(user.pk, ("user", *roles), "socket", user.username)


@pytest.fixture
def said(run: Run, world: World, published: list[Event]) -> StoredMessage:
    [message] = run(post_messages, [world.new("frist", "c")])
    published.clear()
    return message


def edit(run: Run, world: World, said: StoredMessage, content: str = "first", **fields: Any) -> StoredMessage:
    values = {"actor": acts(world.alice), "name": "lobby", "message_id": str(said.id), **fields}
    edited: StoredMessage = run(edits.edit_message, content=content, **values)
    return edited


def kept(run: Run) -> list[str]:
    return run(lambda: list(MessageVersion.objects.order_by("pk").values_list("content", flat=True)))


# --- Editing ----------------------------------------------------------------------------------------------------------
def test_an_edit_replaces_the_text_and_is_published_whole(
    run: Run, world: World, said: StoredMessage, published: list[Event]
) -> None:
    edited = edit(run, world, said)
    assert (edited.content, edited.seq, edited.changed_seq, edited.author_id) == ("first", 1, 2, world.alice.pk)
    [frame] = frames(published)
    assert (frame["type"], frame["content"], frame["seq"], frame["changedSeq"]) == ("message-edited", "first", 1, 2)
    assert frame["editedAt"]


def test_the_same_text_makes_no_event_and_answers_the_present_one(
    run: Run, world: World, said: StoredMessage, published: list[Event]
) -> None:
    first = edit(run, world, said)
    published.clear()
    assert edit(run, world, said) == first
    assert edit(run, world, said, if_changed_seq=1) == first, "the answer to the first try was lost"
    assert published == []
    assert kept(run) == ["frist"]


def test_a_text_that_was_edited_meanwhile_is_a_conflict_with_the_present_one(
    run: Run, world: World, said: StoredMessage
) -> None:
    edit(run, world, said, if_changed_seq=1)
    with pytest.raises(Conflict) as refused:
        edit(run, world, said, "First", if_changed_seq=1)
    assert (refused.value.current.content, refused.value.current.changed_seq) == ("first", 2)
    assert edit(run, world, said, "First", if_changed_seq=2).changed_seq == 3


@on_sqlite
def test_another_change_than_an_edit_is_no_conflict(run: Run, world: World, said: StoredMessage) -> None:
    run(lambda: Message.objects.update(changed_seq=9))
    assert edit(run, world, said, if_changed_seq=1).content == "first"


@on_sqlite
@pytest.mark.parametrize(
    ("content", "error"), [(" ", BadFrame), ("a\0b", BadFrame), ("x" * 4_001, TooLarge)], ids=["blank", "nul", "long"]
)
def test_an_edit_has_the_rules_of_a_message(
    run: Run, world: World, said: StoredMessage, content: str, error: Any
) -> None:
    with pytest.raises(error):
        edit(run, world, said, content)


@on_sqlite
def test_the_word_filter_and_the_hooks_of_the_project_see_edits(
    run: Run, world: World, said: StoredMessage, settings: Any
) -> None:
    run(filters.set_phrase, FilterPhrase(phrase="spam"))
    with pytest.raises(Filtered):
        edit(run, world, said, "spam")
    settings.CHAT_BEFORE_POST = "tests.rooms.services.test_edits.shout"
    assert edit(run, world, said).content == "FIRST"


def shout(_user: Any, _room: Any, text: str) -> str:
    return text.upper()


# --- Who, and until when ----------------------------------------------------------------------------------------------
def test_only_the_author_edits(run: Run, world: World, said: StoredMessage) -> None:
    run(restrict, world.room, world.bob, role="owner")
    with pytest.raises(Forbidden, match="Only its author"):
        edit(run, world, said, actor=acts(world.bob, "moderator", "admin"))
    assert kept(run) == []


@pytest.mark.parametrize("message_id", ["99999", "x", "-1", "9" * 19])
@on_sqlite
def test_what_is_no_message_of_the_room_is_not_found(
    run: Run, world: World, said: StoredMessage, message_id: str
) -> None:
    [elsewhere] = run(post_messages, [world.new(room_id=world.private.pk)])
    for one in (message_id, str(elsewhere.id)):
        with pytest.raises(NoSuchMessage):
            edit(run, world, said, message_id=one)


@on_sqlite
def test_hidden_and_deleted_messages_are_not_found(run: Run, world: World, said: StoredMessage) -> None:
    run(restrict, world.room, world.alice, visible_from_seq=1)
    with pytest.raises(NoSuchMessage):
        edit(run, world, said)
    run(restrict, world.room, world.alice, visible_from_seq=0)
    edit(run, world, said)
    run(deletions.delete_message, actor=acts(world.alice), name="lobby", message_id=str(said.id))
    with pytest.raises(NoSuchMessage):
        edit(run, world, said, "back again")


@on_sqlite
@pytest.mark.parametrize(
    "case",
    [
        ({"kind": "private"}, {"role": "none"}, NoSuchRoom),
        ({}, {"banned_until": from_now(1)}, Banned),
        ({}, {"muted_until": from_now(1)}, Muted),
        ({"locked": True}, {}, Locked),
        ({"closed_at": timezone.now()}, {}, Forbidden),
    ],
    ids=["no member", "banned", "muted", "locked", "closed"],
)
def test_who_may_not_write_may_not_edit(
    run: Run, world: World, said: StoredMessage, case: tuple[Any, Any, Any]
) -> None:
    room, membership, error = case
    run(lambda: Room.objects.filter(pk=world.room.pk).update(**room))
    run(restrict, world.room, world.alice, **membership)
    with pytest.raises(error):
        edit(run, world, said)


@on_sqlite
def test_who_is_blocked_in_a_direct_room_may_not_edit(run: Run, world: World, said: StoredMessage) -> None:
    run(lambda: Room.objects.filter(pk=world.room.pk).update(kind="direct"))
    for user in (world.alice, world.bob):
        run(restrict, world.room, user, role="member")
    edit(run, world, said)
    run(Block.objects.create, blocker=world.bob, blocked=world.alice)
    with pytest.raises(Blocked):
        edit(run, world, said, "You!")


@on_sqlite
def test_slow_mode_does_not_count_edits(run: Run, world: World, said: StoredMessage) -> None:
    run(lambda: Room.objects.filter(pk=world.room.pk).update(slow_mode_s=60))
    run(restrict, world.room, world.alice, posted_at=timezone.now())
    edit(run, world, said)
    assert run(lambda: Membership.objects.get(user=world.alice, room=world.room).posted_at) < timezone.now()


@on_sqlite
@pytest.mark.parametrize(
    "case",
    [
        (60, 50, True), (60, 64, True), (60, 70, False), (0, 0, False),
        (None, 10**8, True), ("", 10**8, True), ("always", 10**8, True),
    ],
)  # fmt: skip
def test_messages_are_edited_for_a_while(
    run: Run, world: World, said: StoredMessage, settings: Any, case: tuple[Any, int, bool]
) -> None:
    window, age_s, allowed = case
    settings.CHAT_EDIT_WINDOW_S = window
    run(lambda: Message.objects.update(created_at=timezone.now() - timedelta(seconds=age_s)))
    if allowed:
        assert edit(run, world, said).content == "first"
    else:
        with pytest.raises(EditWindowOver):
            edit(run, world, said)


@on_postgres
def test_what_changes_while_an_edit_waits_for_the_room_counts(
    run: Run, world: World, said: StoredMessage, writers: Writers
) -> None:
    fields = {"actor": acts(world.alice), "name": "lobby", "message_id": str(said.id)}
    with uncommitted(writers(), edits.edit_message, content="first", **fields):
        second = begins_to_wait(run, writers(), edits.edit_message, content="First", if_changed_seq=1, **fields)
    with pytest.raises(Conflict):
        second.result(20)

    def mute() -> None:
        Room.objects.filter(pk=world.room.pk).update(access_version=1)
        restrict(world.room, world.alice, muted_until=from_now(1))

    with uncommitted(writers(), mute):
        late = begins_to_wait(run, writers(), edits.edit_message, content="late", **fields)
    with pytest.raises(Muted):
        late.result(20)


# --- What it said before ----------------------------------------------------------------------------------------------
def test_moderators_read_what_a_message_said_before(run: Run, world: World, said: StoredMessage) -> None:
    for text in ("second", "third"):
        edit(run, world, said, text)
    fields = {"name": "lobby", "message_id": str(said.id)}
    with pytest.raises(Forbidden):
        run(edits.versions, actor=acts(world.alice), **fields)
    run(restrict, world.room, world.bob, role="moderator")
    found = run(edits.versions, actor=acts(world.bob), **fields)
    assert [version.content for version in found] == ["frist", "second"]
    assert found[0].replaced_at == found[1].written_at
    run(deletions.delete_message, actor=acts(world.bob), **fields)
    with pytest.raises(NoSuchMessage):
        run(edits.versions, actor=acts(world.bob), **fields)


def test_a_message_that_is_never_edited_keeps_no_version(run: Run, said: StoredMessage) -> None:
    assert kept(run) == []


def delete(world: World, said: StoredMessage) -> None:
    deletions.delete_message(actor=acts(world.alice), name="lobby", message_id=str(said.id))


def delete_list(world: World, said: StoredMessage) -> None:
    deletions.erase_list(actor=acts(world.alice), room_id=world.room.pk, ids=[said.id])


def delete_all_of(world: World, _said: StoredMessage) -> None:
    deletions.erase_all_of(actor=acts(world.bob), room_id=world.room.pk, user_id=world.alice.pk)


def erase_account(world: World, _said: StoredMessage) -> None:
    assert list(people.erase_messages(user_id=world.alice.pk)) == [1]


def prune(world: World, _said: StoredMessage) -> None:
    post_messages([world.new("another")])
    assert list(retention.prune(room_id=world.room.pk, keep=1)) == [1]


@pytest.mark.parametrize("go", [delete, delete_list, delete_all_of, erase_account, prune])
def test_earlier_versions_go_with_the_text(run: Run, world: World, said: StoredMessage, go: Any) -> None:
    edit(run, world, said)
    assert kept(run) == ["frist"]
    run(go, world, said)
    assert kept(run) == []


def test_earlier_versions_are_kept_for_some_days(run: Run, world: World, said: StoredMessage) -> None:
    for text in ("second", "third"):
        edit(run, world, said, text)
    old = timezone.now() - timedelta(days=91)
    run(lambda: MessageVersion.objects.filter(content="frist").update(replaced_at=old))
    assert run(edits.outdated, days=90) == 1
    assert run(lambda: list(edits.prune(days=90))) == [1]
    assert kept(run) == ["second"]
    assert run(storage.message, message_id=said.id).content == "third"


@on_sqlite
def test_an_export_has_what_ones_messages_said_before(run: Run, world: World, said: StoredMessage) -> None:
    edit(run, world, said)
    [version] = run(people.export, user_id=world.alice.pk).versions
    assert (version.room_id, version.seq, version.content) == ("lobby", 1, "frist")
    assert run(people.export, user_id=world.bob.pk).versions == []
