"""Whose messages a block refuses, on both databases."""

import pytest

from rooms import storage
from rooms.models import Block, Membership, Room
from tests.support.factories import make_room, make_user
from tests.support.rooms import Run, World, restrict


@pytest.fixture
def direct(run: Run, world: World) -> Room:
    """A room of alice and bob, where alice has blocked bob."""

    def make() -> Room:
        room = make_room("direct", kind=Room.Kind.DIRECT)
        for user in (world.alice, world.bob):
            restrict(room, user)
        Block.objects.create(blocker=world.alice, blocked=world.bob)
        return room

    found: Room = run(make)
    return found


def blocked(run: Run, *pairs: tuple[int, int]) -> set[tuple[int, int]]:
    found: set[tuple[int, int]] = run(storage.blocked_authors, set(pairs))
    return found


def test_the_blocked_one_of_two_is_found_and_the_other_is_not(run: Run, world: World, direct: Room) -> None:
    both = [(direct.pk, world.alice.pk), (direct.pk, world.bob.pk)]
    assert blocked(run, *both) == {both[1]}
    run(Block.objects.all().delete)
    assert blocked(run, *both) == set()


def test_a_block_says_nothing_of_rooms_the_blocker_is_not_in(run: Run, world: World, direct: Room) -> None:
    other = run(make_room, kind=Room.Kind.DIRECT)
    for user in (world.bob, run(make_user)):
        run(restrict, other, user)
    assert blocked(run, (direct.pk, world.bob.pk), (other.pk, world.bob.pk)) == {(direct.pk, world.bob.pk)}


def test_in_a_room_of_three_nobody_is_refused(run: Run, world: World, direct: Room) -> None:
    carol = run(make_user, "carol")
    run(restrict, direct, carol)
    assert blocked(run, (direct.pk, world.bob.pk)) == set()
    run(restrict, direct, carol, role=Membership.Role.NONE)
    assert blocked(run, (direct.pk, world.bob.pk)) == {(direct.pk, world.bob.pk)}


def test_who_has_left_refuses_nobody(run: Run, world: World, direct: Room) -> None:
    run(restrict, direct, world.alice, role=Membership.Role.NONE)
    run(restrict, direct, run(make_user))
    assert blocked(run, (direct.pk, world.bob.pk)) == set()
