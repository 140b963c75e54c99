"""Editing by a socket: the answer says which change it was, and a conflict has the message as it is now."""

from types import SimpleNamespace

import pytest

from rooms import database
from rooms.errors import Conflict
from rooms.models import Room
from rooms.protocol.commands.edits import EditMessage, GetVersions
from rooms.services.posting import post_message
from rooms.sockets.answers import error_frame
from tests.support.connections import Client
from tests.support.machine import eventually
from tests.support.rooms import restrict

pytestmark = pytest.mark.django_db(transaction=True)


async def test_an_edit_is_acknowledged_and_everybody_in_the_room_gets_it(
    hall: Room, alice: Client, bob: Client
) -> None:
    author = alice.connection.identity.user_id
    said = await database.call(post_message, room_id=hall.pk, author_id=author, content="frist")
    for client in (alice, bob):
        await client.join("hall")
    message_id = str(said.id)
    await alice.do(EditMessage(id="1", room_id="hall", message_id=message_id, content="first"))
    await eventually(lambda: bob.got("message-edited"))
    ack = {"type": "ack", "id": "1", "roomId": "hall", "messageId": message_id, "seq": 1, "changedSeq": 2}
    assert alice.got("ack") == [ack]
    assert [frame["content"] for frame in bob.got("message-edited")] == ["first"]
    with pytest.raises(Conflict) as refused:
        await alice.do(EditMessage(room_id="hall", message_id=message_id, content="First", if_changed_seq=1))
    alice.connection.send(error_frame(refused.value, "2"))
    assert alice.got("error")[0]["current"] == bob.got("message-edited")[0]


async def test_a_moderator_reads_what_it_said_before(
    hall: Room, alice: Client, bob: Client, people: SimpleNamespace
) -> None:
    author = alice.connection.identity.user_id
    said = await database.call(post_message, room_id=hall.pk, author_id=author, content="frist")
    await alice.do(EditMessage(room_id="hall", message_id=str(said.id), content="first"))
    await database.call(restrict, hall, people.bob, role="moderator")
    await bob.do(GetVersions(id="1", room_id="hall", message_id=str(said.id)))
    [answer] = bob.got("versions")
    assert (answer["id"], [version["content"] for version in answer["versions"]]) == ("1", ["frist"])
