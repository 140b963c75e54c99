"""The indexer: a large room does not hold up the others."""

import asyncio

import pytest

from rooms import database
from rooms.live.search import Indexer
from rooms.services import search
from tests.support.factories import make_message, make_room, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def _talk() -> dict[int, str]:
    author, rooms = make_user("alice"), (make_room("large"), make_room("small"))
    for room, count in zip(rooms, (5, 1), strict=True):
        for _ in range(count):
            make_message(room, author)
    return {room.pk: room.name for room in rooms}


async def test_rooms_are_indexed_a_part_of_each_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    names = await database.call(_talk)
    indexed: list[str] = []
    index_room = search.index_room

    def noted(*, room_id: int) -> bool:
        indexed.append(names[room_id])
        return index_room(room_id=room_id)

    monkeypatch.setattr(search, "index_room", noted)
    monkeypatch.setattr(search, "CHANGES_AT_ONCE", 2)
    await Indexer(asyncio.get_running_loop().time, every_s=5).tick()
    assert indexed == ["large", "small", "large", "large"]
    assert await database.call(search.rooms_behind) == {}
