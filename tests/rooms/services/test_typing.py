"""Typing: who may show it, where, and what is sent."""

from typing import Any

import pytest
from django.utils import timezone

from rooms.callers import Actor
from rooms.errors import Banned, Blocked, Forbidden, Locked, Muted, NoSuchRoom, SlowMode
from rooms.live import topics
from rooms.live.events import Event
from rooms.models import Room
from rooms.services.blocks import set_block
from rooms.services.direct import open_direct
from rooms.services.typing import show_typing
from tests.support.rooms import Run, World, frames, from_now, restrict

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # its one statement of its own is tested on both


def by(user: Any, *roles: str) -> Actor:
    return Actor(user.pk, ("user", *roles), "rest", user.username)


def show(
    run: Run, world: World, name: str = "lobby", *, people: int = 1, roles: tuple[str, ...] = (), **more: Any
) -> None:
    def counts(room_ids: list[int]) -> dict[int, int]:
        return dict.fromkeys(room_ids, people)

    run(show_typing, actor=by(world.alice, *roles), name=name, counts=counts, **more)


def test_the_others_are_sent_it_without_a_seq(run: Run, world: World, published: list[Event], settings: Any) -> None:
    show(run, world, connection_id="c")
    show(run, world, on=False)
    settings.CHAT_TYPING_S = 5
    show(run, world)
    assert {(event.topic, event.seq) for event in published} == {(topics.of_room(world.room.pk), 0)}
    assert [event.skip for event in published] == ["c", "", ""]
    user = {"id": str(world.alice.pk), "username": "alice"}
    first, *others = frames(published)
    assert first == {"type": "typing", "roomId": "lobby", "user": user, "on": True, "expiresInMs": 15_000}
    assert [(one["on"], one["expiresInMs"]) for one in others] == [(False, 15_000), (True, 5_000)]


@pytest.mark.parametrize(
    ("people", "limit", "seconds", "sent"), [(2, 2, 15, 1), (3, 2, 15, 0), (3, 0, 15, 1), (1, 2, 0, 0)]
)
def test_it_is_not_sent_where_many_are_or_nobody_shows_it(
    run: Run, world: World, published: list[Event], settings: Any, *, people: int, limit: int, seconds: int, sent: int
) -> None:
    settings.CHAT_MAX_TYPING_MEMBERS, settings.CHAT_TYPING_S = limit, seconds
    show(run, world, people=people)
    assert len(published) == sent


@pytest.mark.parametrize(
    ("room", "member", "error"),
    [
        ({}, {"muted_until": from_now(1)}, Muted),
        ({}, {"banned_until": from_now(1)}, Banned),
        ({"locked": True}, {}, Locked),
        ({"closed_at": timezone.now()}, {}, Forbidden),
        ({"slow_mode_s": 60}, {"posted_at": from_now(1)}, SlowMode),
        ({"kind": "private"}, {"role": "none"}, NoSuchRoom),
    ],
    ids=["muted", "banned", "locked", "closed", "slow", "private"],
)
def test_who_may_not_write_does_not_show_it(
    run: Run, world: World, published: list[Event], room: Any, member: Any, *, error: type[Exception]
) -> None:
    run(Room.objects.filter(pk=world.room.pk).update, **room)
    run(restrict, world.room, world.alice, **member)
    with pytest.raises(error):
        show(run, world)
    assert published == []
    run(Room.objects.filter(pk=world.room.pk).update, locked=False, closed_at=None, slow_mode_s=0)
    run(restrict, world.room, world.alice, role="member", muted_until=None, banned_until=None)
    show(run, world)
    assert len(published) == 1


def test_a_blocked_person_does_not_show_it(run: Run, world: World, published: list[Event]) -> None:
    direct = run(open_direct, actor=by(world.alice), usernames=["bob"])
    run(set_block, user_id=world.bob.pk, username="alice", on=True)
    published.clear()
    with pytest.raises(Blocked):
        show(run, world, direct.name)
    assert published == []
    show(run, world, direct.name, roles=("moderator",))
    assert len(published) == 1
