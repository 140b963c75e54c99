"""Deleting messages: one, or many by one change of the room."""

from typing import Any

import msgspec
import pytest

from rooms import access, storage
from rooms.callers import Actor
from rooms.errors import BadFrame, Forbidden, NoSuchMessage, NoSuchUser
from rooms.live.events import Event
from rooms.models import AuditEntry, BulkDeletion, Membership, Message, Room
from rooms.services import deletions
from rooms.services.changes import changes_since
from rooms.services.history import snapshot
from rooms.services.posting import post_messages
from rooms.services.retention import prune
from tests.support.rooms import Run, World, frames, restrict

MODERATOR = Membership.Role.MODERATOR


def acts(user: Any) -> Actor:
    return Actor(user.pk, ("user",), "socket", user.username)


@pytest.fixture
def moderated(run: Run, world: World, published: list[Event]) -> World:
    """Bob moderates the lobby, where alice wrote 1 to 3 and 5, and bob 4."""
    run(restrict, world.room, world.bob, role=MODERATOR)
    run(post_messages, [world.new(f"alice {n}") for n in (1, 2, 3)])
    run(post_messages, [world.new("bob", author_id=world.bob.pk), world.new("alice 5")])
    published.clear()
    return world


def delete_all(run: Run, world: World) -> deletions.Deleted:
    deleted: deletions.Deleted = run(
        deletions.delete_messages, actor=acts(world.bob), name="lobby", username="alice", reason="spam"
    )
    return deleted


def texts(run: Run, world: World) -> list[str]:
    return [message.content for message in run(storage.page, room_id=world.room.pk, limit=50)]


# --- One --------------------------------------------------------------------------------------------------------------
def test_an_author_deletes_their_own_message_and_a_moderator_anybodys(
    run: Run, moderated: World, published: list[Event]
) -> None:
    first, second, *_ = run(lambda: list(Message.objects.order_by("seq")))
    run(deletions.delete_message, actor=acts(moderated.alice), name="lobby", message_id=str(first.pk))
    deleted = run(deletions.delete_message, actor=acts(moderated.bob), name="lobby", message_id=str(second.pk))
    assert (deleted.seq, deleted.changed_seq, deleted.content) == (2, 7, "")
    assert [(frame["seq"], frame["by"]["username"]) for frame in frames(published)] == [(1, "alice"), (2, "bob")]
    again = run(deletions.delete_message, actor=acts(moderated.bob), name="lobby", message_id=str(second.pk))
    assert again.changed_seq == 7, "one that is deleted stays as it is"


def test_a_visitor_deletes_no_message_of_another(run: Run, moderated: World) -> None:
    message = run(lambda: Message.objects.get(seq=4))
    with pytest.raises(Forbidden):
        run(deletions.delete_message, actor=acts(moderated.alice), name="lobby", message_id=str(message.pk))
    assert run(lambda: Message.objects.get(seq=4).content) == "bob"


@pytest.mark.parametrize("message_id", ["99999", "x", "-1", "9" * 19])
def test_what_is_no_message_of_the_room_is_not_found(run: Run, moderated: World, message_id: str) -> None:
    [elsewhere] = run(post_messages, [moderated.new(room_id=moderated.private.pk)])
    for one in (message_id, str(elsewhere.id)):
        with pytest.raises(NoSuchMessage):
            run(deletions.delete_message, actor=acts(moderated.bob), name="lobby", message_id=one)


# --- Many -------------------------------------------------------------------------------------------------------------
def test_all_of_a_person_go_by_one_event_and_one_seq(run: Run, moderated: World, published: list[Event]) -> None:
    assert delete_all(run, moderated) == deletions.Deleted(4, 6)
    assert texts(run, moderated) == ["bob"]
    assert [event.seq for event in published] == [6]
    [frame] = frames(published)
    assert (frame["type"], frame["user"]["username"], frame["by"]["username"], frame["changedSeq"]) == (
        "messages-deleted", "alice", "bob", 6,
    )  # fmt: skip
    assert run(lambda: Room.objects.get(name="lobby").last_seq) == 6
    assert not run(lambda: Message.objects.filter(author=moderated.alice).exclude(content="").exists())
    entry = run(lambda: AuditEntry.objects.get(action="delete-messages"))
    assert (entry.actor_name, entry.target_name, entry.reason, entry.details["count"]) == ("bob", "alice", "spam", 4)


def test_messages_of_a_list_go_by_one_event(run: Run, moderated: World, published: list[Event]) -> None:
    keys = run(lambda: [str(pk) for pk in Message.objects.filter(seq__in=(1, 4)).values_list("pk", flat=True)])
    given = {"actor": acts(moderated.bob), "name": "lobby", "message_ids": [*keys, "99999"]}
    assert run(deletions.delete_messages, **given) == deletions.Deleted(2, 6)
    assert sorted(frames(published)[0]["messageIds"]) == sorted(keys)
    assert run(deletions.delete_messages, **given) == deletions.Deleted(0, 6), "they are deleted already"
    assert len(published) == 1


def test_a_large_deletion_is_erased_in_steps_and_told_once(
    run: Run, moderated: World, published: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletions, "ROWS_AT_ONCE", 2)
    assert delete_all(run, moderated).count == 4
    assert texts(run, moderated) == ["bob"]
    assert len(published) == 1


def test_who_deletes_many_moderates_the_room_and_stands_above_the_person(run: Run, moderated: World) -> None:
    delete = deletions.delete_messages
    with pytest.raises(Forbidden):
        run(delete, actor=acts(moderated.alice), name="lobby", username="bob")
    run(restrict, moderated.room, moderated.alice, role=MODERATOR)
    with pytest.raises(Forbidden):
        run(delete, actor=acts(moderated.bob), name="lobby", username="alice")
    with pytest.raises(NoSuchUser):
        run(delete, actor=acts(moderated.bob), name="lobby", username="nobody")
    with pytest.raises(BadFrame):
        run(delete, actor=acts(moderated.bob), name="lobby")
    assert len(texts(run, moderated)) == 5


# --- Who resumes ------------------------------------------------------------------------------------------------------
def resumed(run: Run, world: World, after: int) -> list[dict[str, Any]]:
    shown = run(lambda: snapshot(room=access.room(world.bob.pk, "lobby"), after=after))
    assert shown.recovered
    found: list[dict[str, Any]] = msgspec.json.decode(shown.history.payload)["messages"]
    return found


def test_what_changed_since_has_the_deletion_at_its_seq(run: Run, moderated: World) -> None:
    delete_all(run, moderated)
    run(post_messages, [moderated.new("alice again")])
    kinds = [(frame["type"], frame["changedSeq"]) for frame in resumed(run, moderated, 3)]
    assert kinds == [("chat-message", 4), ("message-deleted", 5), ("messages-deleted", 6), ("chat-message", 7)]
    assert [frame["changedSeq"] for frame in resumed(run, moderated, 6)] == [7]
    head, events = run(changes_since, room_id=moderated.room.pk, after=3)
    assert (head, [event.seq for event in events]) == (7, [4, 5, 6, 7])


def test_a_page_of_changes_has_no_deletion_beyond_its_end(run: Run, moderated: World) -> None:
    delete_all(run, moderated)
    head, events = run(changes_since, room_id=moderated.room.pk, after=0, limit=2)
    assert (head, [event.seq for event in events]) == (2, [1, 2])


def test_ten_thousand_deleted_messages_cost_a_client_one_change(run: Run, moderated: World) -> None:
    def write_many() -> None:
        room = Room.objects.get(name="lobby")
        rows = [
            Message(room=room, seq=seq, changed_seq=seq, author=moderated.alice, content="spam")
            for seq in range(6, 10_006)
        ]
        Message.objects.bulk_create(rows, batch_size=1_000)
        Room.objects.filter(pk=room.pk).update(last_seq=10_005)

    run(write_many)
    assert delete_all(run, moderated) == deletions.Deleted(10_004, 10_006)
    assert [frame["type"] for frame in resumed(run, moderated, 10_005)] == ["messages-deleted"]
    assert not run(lambda: Message.objects.exclude(content="").exclude(author=moderated.bob).exists())


def test_pruning_takes_deletions_that_nobody_can_resume_from(run: Run, moderated: World) -> None:
    delete_all(run, moderated)
    run(post_messages, [moderated.new(f"{n}") for n in range(3)])
    run(lambda: list(prune(room_id=moderated.room.pk, keep=2)))
    assert run(BulkDeletion.objects.count) == 0, "all changes up to the pruned one are gone"
    run(lambda: BulkDeletion.objects.create(room=moderated.room, changed_seq=50, message_ids=[1]))
    run(post_messages, [moderated.new(f"{n}") for n in range(3)])
    run(lambda: list(prune(room_id=moderated.room.pk, keep=2)))
    assert run(BulkDeletion.objects.count) == 1


def test_a_deletion_outlives_the_account_of_its_user(run: Run, moderated: World) -> None:
    key = str(moderated.alice.pk)
    delete_all(run, moderated)
    run(moderated.alice.delete)
    [frame] = resumed(run, moderated, 5)
    assert frame["user"] == {"id": key, "username": "deleted user"}
