"""Who of this process is informed of a message that concerns them, and what happens when that fails."""

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rooms.errors import Unavailable
from rooms.live import mentions
from rooms.live.connection import Connection
from rooms.live.control import Mentioned
from rooms.live.events import Encoded
from rooms.live.mentions import MentionNotices
from rooms.scopes import Scope
from rooms.storage import RoomAccess
from tests.support.factories import make_access

ROOM = 5


class Recorder:
    """A connection of a user that notes the frames it is offered."""

    def __init__(self, key: str) -> None:
        self.identity: Any = SimpleNamespace(key=key, user_id=int(key), scope=None) if key else None
        self.got: list[bytes] = []
        self.rooms: dict[str, RoomAccess] = {}

    def offer(self, frame: Encoded, *, ephemeral: bool = False) -> None:
        assert ephemeral
        self.got.append(frame.payload)


class Place:
    """Connections, and what their users may read: everybody but those in `without`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *connections: Recorder) -> None:
        self.asked: list[tuple[int, list[int]]] = []
        self.without: set[int] = set()
        self.failure: Exception | None = None
        self.meanwhile: Callable[[list[int]], object] = len
        self.tasks: list[asyncio.Task[None]] = []
        self.notices = MentionNotices(cast(dict[str, Connection], dict(enumerate(connections))), self.spawn)
        monkeypatch.setattr(mentions.database, "call", self.call)
        monkeypatch.setattr(mentions, "PAUSE_S", 0)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.create_task(work))

    async def call(self, _function: Any, *, message_id: int, user_ids: list[int]) -> list[tuple[int, bytes]]:
        self.asked.append((message_id, user_ids))
        self.meanwhile(user_ids)
        failure, self.failure = self.failure, None
        if failure:
            raise failure
        return [(user_id, b"%d" % message_id) for user_id in user_ids if user_id not in self.without]

    async def add(self, *mentioned: Mentioned) -> None:
        for one in mentioned:
            self.notices.add(one)
        await asyncio.gather(*self.tasks)


async def test_a_bot_is_not_informed_of_what_its_token_does_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    opens, other, all_of_its_rooms = Recorder("1"), Recorder("1"), Recorder("1")
    opens.identity.scope, other.identity.scope = Scope(frozenset({ROOM})), Scope(frozenset({6}))
    all_of_its_rooms.identity.scope = Scope()
    await Place(monkeypatch, opens, other, all_of_its_rooms).add(Mentioned(ROOM, 7, ["1"]))
    assert [one.got for one in (opens, other, all_of_its_rooms)] == [[b"7"], [], [b"7"]]


async def test_those_named_are_informed_on_every_connection_outside_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    near, inside, other, nobody = Recorder("1"), Recorder("1"), Recorder("2"), Recorder("")
    inside.rooms["hall"] = make_access(ROOM)
    near.rooms["elsewhere"] = make_access(6)
    place = Place(monkeypatch, near, inside, other, nobody)
    await place.add(Mentioned(ROOM, 7, ["1"]))
    assert [one.got for one in (near, inside, other, nobody)] == [[b"7"], [], [], []]
    await place.add(Mentioned(ROOM, 8, [], everybody=True))
    assert [one.got for one in (near, inside, other, nobody)] == [[b"7", b"8"], [], [b"8"], []]


async def test_nothing_is_read_where_nobody_is_concerned(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = Recorder("1")
    inside.rooms["hall"] = make_access(ROOM)
    place = Place(monkeypatch, inside, Recorder("2"))
    await place.add(Mentioned(ROOM, 7, ["1", "3"]))
    assert place.asked == []


async def test_who_may_not_read_it_is_not_informed(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = Recorder("1"), Recorder("2")
    place = Place(monkeypatch, one, other)
    place.without = {1}
    await place.add(Mentioned(ROOM, 7, ["1", "2"]))
    assert (one.got, other.got) == ([], [b"7"])


async def test_who_enters_the_room_meanwhile_is_not_informed(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Recorder("1")
    place = Place(monkeypatch, one)
    place.notices.add(Mentioned(ROOM, 7, ["1"]))
    asked = place.asked

    def enter(users: list[int]) -> None:
        one.rooms["hall"] = make_access(ROOM)

    place.meanwhile = enter
    await asyncio.gather(*place.tasks)
    assert (len(asked), one.got) == (1, [])


async def test_who_signs_in_as_somebody_else_meanwhile_is_not_informed(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Recorder("1")
    place = Place(monkeypatch, one)
    place.notices.add(Mentioned(ROOM, 7, ["1"]))
    place.meanwhile = lambda users: setattr(one, "identity", SimpleNamespace(key="2", user_id=2, scope=None))
    await asyncio.gather(*place.tasks)
    assert one.got == []


async def test_many_users_are_asked_about_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mentions, "USERS_AT_ONCE", 2)
    connections = [Recorder(str(key)) for key in range(1, 6)]
    place = Place(monkeypatch, *connections)
    await place.add(Mentioned(ROOM, 7, [], everybody=True))
    assert [len(users) for _, users in place.asked] == [2, 2, 1]
    assert all(one.got == [b"7"] for one in connections)


async def test_one_task_informs_of_many_messages_and_the_oldest_waiting_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mentions, "MAX_WAITING", 3)
    one = Recorder("1")
    place = Place(monkeypatch, one)
    await place.add(*[Mentioned(ROOM, number, ["1"]) for number in range(9)])
    assert one.got == [b"6", b"7", b"8"]
    assert len(place.tasks) == 1


@pytest.mark.parametrize("failure", [Unavailable(), ValueError("of a project's function")])
async def test_a_failure_loses_one_notice(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    one = Recorder("1")
    place = Place(monkeypatch, one)
    place.failure = failure
    await place.add(Mentioned(ROOM, 7, ["1"]), Mentioned(ROOM, 8, ["1"]))
    await place.add(Mentioned(ROOM, 9, ["1"]))
    assert one.got == [b"8", b"9"]
