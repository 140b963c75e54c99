"""Events that were lost on the way are found in the database; rooms that are gone are reported."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest

from accounts.models import User
from rooms import database
from rooms.errors import Unavailable
from rooms.live import repair as repair_module
from rooms.live import topics
from rooms.live.connection import Connection
from rooms.live.events import Event
from rooms.live.hub import Hub
from rooms.live.repair import Repair
from rooms.models import Message, Room
from rooms.services import rooms
from tests.support.factories import make_access, make_message, make_room
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)


class Repaired:
    """A hub and the repair of its gaps, the rooms that were reported as gone, and the members."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Future[None]] = []
        self.gone: list[int] = []
        self.members: list[Member] = []
        self.hub = Hub(self._on_gap)
        self.repair = Repair(self.hub, self._spawn, self._on_gone)

    def _on_gap(self, topic: str) -> None:
        self.repair.on_gap(topic)

    def _spawn(self, work: Any) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    def _on_gone(self, room_ids: Iterable[int]) -> None:
        self.gone += room_ids

    def enter(self, room: Room, *accepts: str, head: int = 0) -> "Member":
        member = Member(*accepts)
        topic = topics.of_room(room.pk)
        self.hub.subscribe(topic, member.connection, room.name)
        self.hub.activate(topic, member.connection, head)
        member.connection.rooms[room.name] = make_access(room.pk, room.name)
        self.members.append(member)
        return member

    async def sweep(self) -> None:
        await self.repair.sweep([member.connection for member in self.members])


class Member:
    def __init__(self, *accepts: str) -> None:
        self.frames: list[dict[str, Any]] = []
        self.connection = Connection(self._send, limit_bytes=0, on_cut=lambda: None)
        self.connection.accepts = frozenset(accepts)

    async def _send(self, event: dict[str, Any]) -> None:
        self.frames.append(json.loads(event["text"]))

    @property
    def seqs(self) -> list[int]:
        return [frame["seq"] for frame in self.frames if frame["type"] == "chat-message"]


@pytest.fixture
async def repaired(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Repaired]:
    monkeypatch.setattr(repair_module, "RETRY_S", 0.01)
    repaired = Repaired()
    yield repaired
    for task in repaired.tasks:
        task.cancel()
    await asyncio.gather(*repaired.tasks, return_exceptions=True)


@pytest.fixture
def hall(db: None) -> Room:
    return make_room("hall")


@pytest.fixture
def messages(hall: Room, make_user: Callable[..., User]) -> list[Message]:
    author = make_user("bob")
    return [make_message(hall, author) for _ in range(3)]


def early(room: Room, seq: int) -> Event:
    return Event(topics.of_room(room.pk), json.dumps({"type": "chat-message", "seq": seq}).encode(), seq)


async def test_a_gap_is_read_from_the_database(repaired: Repaired, hall: Room, messages: list[Message]) -> None:
    member = repaired.enter(hall)
    repaired.hub.deliver([early(hall, 3)])
    assert member.seqs == []
    await eventually(lambda: member.seqs == [1, 2, 3])
    await eventually(repaired.tasks[0].done)
    assert len(repaired.tasks) == 1


async def test_an_event_that_was_only_late_is_not_read(
    repaired: Repaired, hall: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair_module, "changes_since", None)
    member = repaired.enter(hall)
    repaired.hub.deliver([early(hall, 2), early(hall, 1)])
    await eventually(repaired.tasks[0].done)
    await eventually(lambda: member.seqs == [1, 2])


async def test_a_gap_that_shows_again_and_again_is_read_by_one_task(repaired: Repaired, hall: Room) -> None:
    repaired.enter(hall)
    repaired.hub.deliver([early(hall, seq) for seq in (3, 4, 5)])
    assert len(repaired.tasks) == 1


async def test_a_database_that_is_away_is_asked_again(
    repaired: Repaired, hall: Room, messages: list[Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    changes_since, asked = repair_module.changes_since, []

    def fail_first(**fields: Any) -> Any:
        asked.append(fields)
        if len(asked) == 1:
            raise Unavailable
        return changes_since(**fields)

    monkeypatch.setattr(repair_module, "changes_since", fail_first)
    member = repaired.enter(hall)
    repaired.hub.deliver([early(hall, 2)])
    await eventually(lambda: member.seqs == [1, 2, 3])


async def test_a_sweep_finds_what_was_lost_in_a_silent_room(
    repaired: Repaired, hall: Room, messages: list[Message]
) -> None:
    member = repaired.enter(hall)
    await repaired.sweep()
    await eventually(lambda: member.seqs == [1, 2, 3])


async def test_a_sweep_sends_heads_to_members_who_accept_them(
    repaired: Repaired, hall: Room, messages: list[Message]
) -> None:
    plain, accepting = repaired.enter(hall, head=3), repaired.enter(hall, "heads", head=3)
    await repaired.sweep()
    await eventually(lambda: accepting.frames == [{"type": "heads", "rooms": {"hall": 3}}])
    assert plain.frames == []


@pytest.mark.parametrize(
    "remove", [lambda room: rooms.remove_room(room_id=room.pk), lambda room: room.delete()], ids=["removed", "no row"]
)
async def test_a_sweep_reports_a_room_that_is_gone(
    repaired: Repaired, hall: Room, remove: Callable[[Room], Any]
) -> None:
    member, other = repaired.enter(hall, "heads"), await database.call(make_room, "other")
    repaired.enter(other)
    await repaired.sweep()
    assert repaired.gone == []
    await eventually(lambda: member.frames)
    member.frames.clear()
    key = hall.pk
    await database.call(remove, hall)
    await repaired.sweep()
    assert repaired.gone == [key]
    await eventually(lambda: member.frames == [{"type": "heads", "rooms": {}}])


async def test_a_sweep_without_members_asks_for_no_room(repaired: Repaired, hall: Room) -> None:
    repaired.hub.subscribe(topics.EVERYONE, Member().connection)
    await repaired.sweep()
    assert repaired.gone == []
