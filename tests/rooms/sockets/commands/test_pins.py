"""Pinning by a socket."""

import pytest

from accounts.models import User
from rooms import database
from rooms.errors import Forbidden
from rooms.models import Membership, Room
from rooms.protocol.commands.pins import GetPins, PinMessage
from rooms.services.posting import post_message
from tests.support.connections import Client
from tests.support.machine import eventually
from tests.support.rooms import restrict

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_pin_is_acknowledged_and_everybody_in_the_room_gets_the_message(
    hall: Room, alice: Client, bob: Client
) -> None:
    author = alice.connection.identity.user_id
    said = await database.call(post_message, room_id=hall.pk, author_id=author, content="hello")
    for client in (alice, bob):
        await client.join("hall")
    command = PinMessage(id="1", room_id="hall", message_id=str(said.id), on=True)
    with pytest.raises(Forbidden):
        await alice.do(command)
    await database.call(restrict, hall, await User.objects.aget(pk=author), role=Membership.Role.MODERATOR)
    await alice.do(command)
    place = {"roomId": "hall", "messageId": str(said.id), "seq": 1}
    assert alice.got("ack") == [{"type": "ack", "id": "1", **place, "changedSeq": 2}]
    await eventually(lambda: bob.got("message-edited") != [])
    [edited] = bob.got("message-edited")
    assert edited["content"] == "hello"
    assert edited["pinnedAt"]
    await bob.do(GetPins(id="2", room_id="hall"))
    [page] = bob.got("pins")
    assert [(one["messageId"], one["pinnedAt"]) for one in page["messages"]] == [(str(said.id), edited["pinnedAt"])]
