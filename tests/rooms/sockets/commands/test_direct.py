"""Direct rooms by a socket: what who opens one is answered, and what the others are sent."""

from types import SimpleNamespace
from typing import Any

import pytest

from rooms.errors import NoSuchUser
from rooms.live.node import Node
from rooms.protocol.commands.direct import OpenDirect
from rooms.protocol.commands.rooms import GetRooms
from tests.support.connections import Client
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def page(node: Node, people: SimpleNamespace) -> Client:
    """A connection of bob's that accepts whole rooms."""
    client = Client(node)
    client.connection.accepts = frozenset({"rooms"})
    await client.sign_in(people.bob)
    return client


async def test_a_direct_room_is_opened_and_added_for_the_others(
    node: Node, people: SimpleNamespace, alice: Client, page: Client
) -> None:
    await alice.do(OpenDirect(id="1", users=["bob"]))
    [opened] = alice.frames
    members: Any = [{"id": str(user.pk), "username": user.username} for user in (people.alice, people.bob)]
    room = opened["room"]
    assert (opened["type"], opened["id"], room["kind"], room["members"]) == ("room-opened", "1", "direct", members)
    await eventually(lambda: page.frames)
    assert page.frames == [{"type": "room-added", "room": room}]
    await page.do(OpenDirect(id="2", users=["alice"]))
    assert page.frames[1:] == [{"type": "room-opened", "id": "2", "room": room}]
    await page.do(GetRooms())
    assert page.got("rooms-list")[0]["rooms"] == [room]
    await alice.join(room["id"])


async def test_nobody_is_nobody(node: Node, alice: Client) -> None:
    with pytest.raises(NoSuchUser):
        await alice.do(OpenDirect(users=["nobody"]))
    assert alice.frames == []
