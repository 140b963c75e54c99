"""Direct rooms on both databases: one for the same people, whoever opens it and when; who cannot be in one."""

from typing import Any

import pytest

from rooms import access
from rooms.callers import Actor
from rooms.errors import BadFrame, Blocked, Forbidden, NoSuchRoom, NoSuchUser, RateLimited
from rooms.live import control
from rooms.live.control import MemberAdded
from rooms.live.events import Event
from rooms.models import Membership, Room
from rooms.protocol.rules import room_name
from rooms.services.blocks import set_block
from rooms.services.direct import open_direct, people_of
from rooms.services.members import add_member, invite, remove_member, unfollow
from rooms.services.posting import post_message
from rooms.services.rooms import remove_room
from rooms.storage import RoomEntry
from tests.support.factories import make_user
from tests.support.rooms import Run, World, Writers, at_once


def by(user: Any, *roles: str) -> Actor:
    return Actor(user.pk, ("user", *roles), "rest", user.username)


def opened(run: Run, user: Any, *names: str, roles: tuple[str, ...] = (), **options: Any) -> RoomEntry:
    found: RoomEntry = run(open_direct, actor=by(user, *roles), usernames=names, **options)
    return found


def block(run: Run, user: Any, name: str, *, on: bool = True) -> None:
    run(set_block, user_id=user.pk, username=name, on=on)


# --- One room ---------------------------------------------------------------------------------------------------------
def test_the_same_people_have_one_room(run: Run, world: World) -> None:
    run(make_user, "carol")
    pair = opened(run, world.alice, "bob")
    assert (pair.kind, pair.title, pair.role) == ("direct", "", "member")
    for user, names in [(world.bob, ["alice"]), (world.alice, ["bob", "alice", "bob"])]:
        assert opened(run, user, *names).room_id == pair.room_id
    three = opened(run, world.alice, "bob", "carol")
    assert three.room_id != pair.room_id
    assert opened(run, world.bob, "carol", "alice").room_id == three.room_id
    people = run(people_of, [pair, three])
    assert [[one.username for one in people[room.room_id]] for room in (pair, three)] == [
        ["alice", "bob"],
        ["alice", "bob", "carol"],
    ]


def test_those_who_open_it_at_once_find_one(run: Run, world: World, writers: Writers) -> None:
    found: list[int] = []

    def attempt(user: Any, name: str, writer: Any) -> None:
        found.append(opened(writer.run, user, name).room_id)

    several = [(*one, writers()) for one in [(world.alice, "bob"), (world.bob, "alice")] * 2]
    at_once(*[lambda one=one: attempt(*one) for one in several])
    assert len(found) == 4
    assert len(set(found)) == 1
    assert run(Room.objects.filter(kind="direct").count) == 1
    assert run(Membership.objects.filter(room_id=found[0]).count) == 2


def test_its_name_can_be_used_and_not_guessed(run: Run, world: World) -> None:
    run(make_user, "carol")
    names = [opened(run, world.alice, name).name for name in ("bob", "carol")]
    assert [room_name(name) for name in names] == names
    assert names[0][:20] != names[1][:20]
    assert not [name for name in names if "alice" in name or "bob" in name]


def test_everybody_in_it_is_sent_it_when_it_is_made(run: Run, world: World, published: list[Event]) -> None:
    room = opened(run, world.alice, "bob")
    opened(run, world.bob, "alice")
    sent = [control.decode(event.payload) for event in published]
    assert sorted(sent, key=str) == [MemberAdded(str(user.pk), room.room_id) for user in (world.alice, world.bob)]


def test_a_removed_one_is_made_again(run: Run, world: World) -> None:
    before = opened(run, world.alice, "bob")
    run(remove_room, room_id=before.room_id)
    assert opened(run, world.alice, "bob").room_id != before.room_id


def test_what_forbids_to_make_rooms_allows_to_open_one(run: Run, world: World) -> None:
    def refuse() -> None:
        raise RateLimited

    with pytest.raises(RateLimited):
        opened(run, world.alice, "bob", before_creating=refuse)
    room = opened(run, world.alice, "bob")
    assert opened(run, world.bob, "alice", before_creating=refuse).room_id == room.room_id


# --- Who is in it -----------------------------------------------------------------------------------------------------
def test_nobody_else_knows_of_it_comes_in_or_leaves(run: Run, world: World) -> None:
    run(make_user, "carol")
    carol, room = run(make_user, "dora"), opened(run, world.alice, "bob")
    with pytest.raises(NoSuchRoom):
        run(access.room, carol.pk, room.name)
    assert room.name not in [one.name for one in run(access.visible_rooms, carol.pk)]
    with pytest.raises(Forbidden):
        run(invite, actor=by(world.alice), name=room.name, username="carol")
    with pytest.raises(Forbidden):
        run(unfollow, actor=by(world.alice), name=room.name)
    for act, user in [(add_member, carol), (remove_member, world.bob)]:
        with pytest.raises(Forbidden):
            run(act, actor=by(world.alice), room=room, user_id=user.pk)


@pytest.mark.parametrize("names", [["nobody"], ["bob", "nobody"], ["gone"]])
def test_nobody_of_this_name_cannot_be_in_it(run: Run, world: World, names: list[str]) -> None:
    run(make_user, "gone", is_active=False)
    with pytest.raises(NoSuchUser):
        opened(run, world.alice, *names)
    assert not run(Room.objects.filter(kind="direct").exists)


def test_it_has_others_and_not_too_many(run: Run, world: World, settings: Any) -> None:
    with pytest.raises(BadFrame):
        opened(run, world.alice, "alice")
    settings.CHAT_MAX_DIRECT_PEOPLE = 2
    run(make_user, "carol")
    opened(run, world.alice, "bob")
    with pytest.raises(BadFrame):
        opened(run, world.alice, "bob", "carol")
    settings.CHAT_MAX_DIRECT_PEOPLE = 0
    opened(run, world.alice, "bob", "carol")


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "known"])
def test_a_block_keeps_the_two_apart(run: Run, world: World, *, is_there: bool) -> None:
    room = opened(run, world.alice, "bob") if is_there else None
    block(run, world.alice, "bob")
    for user, name in [(world.alice, "bob"), (world.bob, "alice")]:
        with pytest.raises(Blocked):
            opened(run, user, name)
    assert opened(run, world.bob, "alice", roles=("moderator",)).kind == "direct"
    block(run, world.alice, "bob", on=False)
    again = opened(run, world.bob, "alice")
    assert room is None or again.room_id == room.room_id


def test_the_blocked_one_cannot_write_in_it(run: Run, world: World) -> None:
    room = opened(run, world.alice, "bob")
    block(run, world.alice, "bob")
    with pytest.raises(Blocked):
        run(post_message, room_id=room.room_id, author_id=world.bob.pk, content="hi")
    assert run(post_message, room_id=room.room_id, author_id=world.alice.pk, content="hi").seq == 1
