"""Typing by a socket: who is sent it, and who has to be in the room."""

from types import SimpleNamespace

import pytest

from rooms.errors import NotInRoom
from rooms.live.node import Node
from rooms.models import Room
from rooms.protocol.commands.typing import SendTyping
from tests.support.connections import Client
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)


async def test_those_in_the_room_see_it_and_who_types_gets_an_answer_to_an_id_alone(
    node: Node, hall: Room, people: SimpleNamespace, alice: Client, bob: Client
) -> None:
    for client in (alice, bob):
        await client.join("hall")
    for client in (alice, bob):
        client.frames.clear()
    await alice.do(SendTyping(room_id="hall"))
    await alice.do(SendTyping(id="1", room_id="hall", on=False))
    await eventually(lambda: len(bob.frames) == 2)
    user = {"id": str(people.alice.pk), "username": "alice"}
    assert bob.frames[0] == {"type": "typing", "roomId": "hall", "user": user, "on": True, "expiresInMs": 15_000}
    assert bob.frames[1]["on"] is False
    assert alice.frames == [{"type": "ack", "id": "1"}]


async def test_a_room_one_is_not_in_is_sent_nothing(node: Node, hall: Room, alice: Client, bob: Client) -> None:
    await bob.join("hall")
    with pytest.raises(NotInRoom):
        await alice.do(SendTyping(room_id="hall"))
    assert not bob.got("typing")
