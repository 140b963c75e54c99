"""Blocks on both databases: who can be blocked, what is refused then, and who learns of it."""

from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rooms.errors import Blocked, Conflict, NoSuchUser
from rooms.live import control, topics
from rooms.live.control import Notification
from rooms.live.events import Event
from rooms.models import Block, Room
from rooms.services.blocks import blocked_by, blocked_users, set_block
from rooms.services.posting import post_message, post_messages
from tests.support.factories import make_room, make_user
from tests.support.rooms import Run, World, Writers, at_once, restrict


def block(run: Run, world: World, username: str = "bob", *, on: bool = True) -> None:
    """Alice blocks somebody, or not any more."""
    run(set_block, user_id=world.alice.pk, username=username, on=on)


def names(run: Run, world: World) -> list[str]:
    return [user.username for user in run(blocked_users, user_id=world.alice.pk)]


@pytest.fixture
def direct(run: Run, world: World) -> Room:
    room: Room = run(make_room, "direct", kind=Room.Kind.DIRECT)
    for user in (world.alice, world.bob):
        run(restrict, room, user)
    return room


# --- Who can be blocked -----------------------------------------------------------------------------------------------
def test_people_are_blocked_in_order_and_unblocked(run: Run, world: World) -> None:
    run(make_user, "carol")
    for username in ("carol", "bob", "carol"):
        block(run, world, username)
    assert names(run, world) == ["carol", "bob"]
    for _ in range(2):
        block(run, world, "carol", on=False)
    assert names(run, world) == ["bob"]
    assert run(blocked_users, user_id=world.bob.pk) == []


def test_nobody_blocks_themselves_or_nobody(run: Run, world: World) -> None:
    with pytest.raises(Conflict):
        block(run, world, "alice")
    with pytest.raises(NoSuchUser):
        block(run, world, "nobody")
    assert not run(Block.objects.exists)


def test_the_number_of_blocks_is_limited_also_for_those_at_once(
    run: Run, world: World, writers: Writers, settings: Any
) -> None:
    settings.CHAT_MAX_BLOCKS = 2
    several = [(run(make_user).username, writers()) for _ in range(4)]
    refused: list[Conflict] = []

    def attempt(username: str, writer: Any) -> None:
        try:
            writer.run(set_block, user_id=world.alice.pk, username=username, on=True)
        except Conflict as error:
            refused.append(error)

    at_once(*[lambda one=one: attempt(*one) for one in several])
    assert (len(names(run, world)), len(refused)) == (2, 2)
    block(run, world, names(run, world)[0])
    settings.CHAT_MAX_BLOCKS = 0
    block(run, world)
    assert len(names(run, world)) == 3


def test_an_erased_account_is_blocked_by_nobody(run: Run, world: World) -> None:
    block(run, world)
    run(world.bob.delete)
    assert names(run, world) == []


# --- What is refused --------------------------------------------------------------------------------------------------
def test_the_blocked_person_does_not_write_in_a_room_of_the_two(run: Run, world: World, direct: Room) -> None:
    block(run, world)
    with pytest.raises(Blocked):
        run(post_message, room_id=direct.pk, author_id=world.bob.pk, content="hi")
    assert run(post_message, room_id=direct.pk, author_id=world.alice.pk, content="hi").seq == 1
    assert run(post_message, room_id=world.room.pk, author_id=world.bob.pk, content="hi").seq == 1
    block(run, world, on=False)
    assert run(post_message, room_id=direct.pk, author_id=world.bob.pk, content="hi").seq == 2


def test_who_moderates_the_chat_writes_to_everybody(run: Run, world: World, direct: Room) -> None:
    block(run, world)
    news = [world.new(room_id=direct.pk, author_id=world.bob.pk, moderates=moderates) for moderates in (True, False)]
    stored, refused = run(post_messages, news)
    assert stored.seq == 1
    assert isinstance(refused, Blocked)


def test_a_message_stored_before_the_block_is_answered_again(run: Run, world: World, direct: Room) -> None:
    [first] = run(post_messages, [world.new("hi", "c", room_id=direct.pk, author_id=world.bob.pk)])
    block(run, world)
    [again] = run(post_messages, [world.new("hi", "c", room_id=direct.pk, author_id=world.bob.pk)])
    assert again.id == first.id


@pytest.mark.parametrize("url", ["postgres"], indirect=True)  # where every statement passes Django
def test_blocks_are_read_once_for_a_list_and_only_for_direct_rooms(run: Run, world: World, direct: Room) -> None:
    def reads(*messages: Any) -> int:
        with CaptureQueriesContext(connection) as queries:
            post_messages(list(messages))
        return sum("chat_rooms_block" in query["sql"] for query in queries)

    others = [world.new(), world.new(room_id=world.private.pk)]
    assert run(reads, *others) == 0
    assert (
        run(reads, *others, *[world.new(room_id=direct.pk, author_id=user.pk) for user in (world.alice, world.bob)])
        == 1
    )


def test_notices_know_who_wants_none_of_somebody(run: Run, world: World) -> None:
    carol = run(make_user, "carol")
    block(run, world)
    assert run(blocked_by, world.bob.pk, of=[world.alice.pk, carol.pk]) == {world.alice.pk}
    assert run(blocked_by, world.bob.pk, of=[carol.pk]) == set()
    assert run(blocked_by, world.alice.pk, of=[world.bob.pk]) == set()


# --- Who learns of it -------------------------------------------------------------------------------------------------
def test_only_the_blocker_is_sent_a_change(run: Run, world: World, published: list[Event]) -> None:
    for on in (True, True, False, False):
        block(run, world, on=on)
    assert {event.topic for event in published} == {topics.CONTROL}
    sent = [control.decode(event.payload) for event in published]
    assert all(isinstance(one, Notification) and one.key == str(world.alice.pk) for one in sent)
    bob = {"id": str(world.bob.pk), "username": "bob"}
    assert [msgspec.json.decode(one.frame) for one in sent] == [
        {"type": "blocks", "users": [bob]},
        {"type": "blocks", "users": []},
    ]
