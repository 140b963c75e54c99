"""What one user's connections are sent, and what happens when it cannot be read."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from rooms import access, database
from rooms.errors import ChatError, NoSuchRoom, Unavailable
from rooms.live import notices
from rooms.live.connection import Connection
from rooms.live.control import Notification
from rooms.live.events import Encoded
from rooms.storage import RoomAccess
from tests.support.factories import make_access, make_room

FRAME = Encoded(b'{"type":"notification"}')


class Recorder:
    """A connection of a user that notes the frames it is offered."""

    def __init__(self, key: str, *accepts: str) -> None:
        self.identity = SimpleNamespace(key=key, user_id=int(key), scope=None) if key else None
        self.accepts = frozenset(accepts)
        self.got: list[Encoded] = []
        self.rooms: dict[str, RoomAccess] = {}
        self.id = "another"

    def offer(self, frame: Encoded, *, ephemeral: bool = False) -> None:
        assert ephemeral
        self.got.append(frame)


def of(*connections: Recorder) -> dict[str, Connection]:
    return cast(dict[str, Connection], dict(enumerate(connections)))


def test_a_notice_is_for_all_connections_of_a_user_and_no_other() -> None:
    plain, page, other, nobody = Recorder("1"), Recorder("1", "rooms"), Recorder("2", "rooms"), Recorder("")
    notices.send(of(plain, page, other, nobody), "1", FRAME)
    assert [len(one.got) for one in (plain, page, other, nobody)] == [1, 1, 0, 0]


def test_an_addition_is_sent_to_those_who_accept_it() -> None:
    plain, page = Recorder("1"), Recorder("1", "rooms")
    notices.send(of(plain, page), "1", FRAME, "rooms")
    assert [len(one.got) for one in (plain, page)] == [0, 1]


def test_of_several_notices_each_reaches_those_it_is_for() -> None:
    asking, page, inside, other = Recorder("1"), Recorder("1", "rooms"), Recorder("1"), Recorder("2")
    asking.id = "c"
    inside.rooms["hall"] = make_access(5)
    text = FRAME.payload.decode()
    several = [Notification("1", text, "rooms"), Notification("1", text, besides=5, skip="c"), Notification("2", text)]
    notices.send_all(of(asking, page, inside, other, Recorder("")), several)
    assert [len(one.got) for one in (asking, page, inside, other)] == [0, 2, 0, 1]


@pytest.mark.parametrize("error", [NoSuchRoom, Unavailable])
async def test_a_room_that_cannot_be_read_is_not_sent(monkeypatch: pytest.MonkeyPatch, error: type[ChatError]) -> None:
    def fail(_user_id: Any, _room_id: int) -> None:
        raise error

    monkeypatch.setattr(access, "entry_by_id", fail)
    page = Recorder("1", "rooms")
    presence: Any = None  # is not asked
    await notices.room_added(of(page), presence, "1", 1)
    assert page.got == []


@pytest.mark.django_db(transaction=True)
async def test_who_has_left_meanwhile_is_not_sent_the_room(people: SimpleNamespace) -> None:
    class Presence:
        async def counts(self, rooms: list[int]) -> dict[int, int]:
            return dict.fromkeys(rooms, 0)

    room = await database.call(make_room, "lobby")
    page = Recorder(str(people.alice.pk), "rooms")
    presence: Any = Presence()
    await notices.room_added(of(page), presence, str(people.alice.pk), room.pk)
    assert page.got == []
