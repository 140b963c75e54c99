"""Reacting by a socket."""

import pytest

from rooms import database
from rooms.errors import NoSuchMessage
from rooms.models import Room
from rooms.protocol.commands.reactions import GetReactions, React
from rooms.services.posting import post_message
from tests.support.connections import Client
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_reaction_is_acknowledged_and_everybody_in_the_room_gets_it(
    hall: Room, alice: Client, bob: Client
) -> None:
    author = alice.connection.identity.user_id
    said = await database.call(post_message, room_id=hall.pk, author_id=author, content="hello")
    for client in (alice, bob):
        await client.join("hall")
    place = {"roomId": "hall", "messageId": str(said.id), "seq": 1}
    for number in ("1", "2"):
        await bob.do(React(id=number, room_id="hall", message_id=str(said.id), emoji="👍", on=True))
    assert bob.got("ack") == [{"type": "ack", "id": number, **place, "changedSeq": 2} for number in ("1", "2")]
    await bob.do(React(room_id="hall", message_id=str(said.id), emoji="👍", on=False))
    await eventually(lambda: len(alice.got("reaction")) == 2)
    assert [(frame["on"], frame["count"], frame["changedSeq"]) for frame in alice.got("reaction")] == [
        (True, 1, 2),
        (False, 0, 3),
    ]
    assert len(bob.got("ack")) == 2


async def test_reactions_are_read_in_pages(hall: Room, alice: Client) -> None:
    author = alice.connection.identity.user_id
    said = await database.call(post_message, room_id=hall.pk, author_id=author, content="hello")
    fields = {"room_id": "hall", "message_id": str(said.id)}
    for emoji in ("👍", "🎉"):
        await alice.do(React(**fields, emoji=emoji, on=True))
    await alice.do(GetReactions(id="1", **fields, limit=1))
    [first] = alice.got("reactions")
    await alice.do(GetReactions(id="2", **fields, after=first["next"]))
    second = alice.got("reactions")[1]
    assert [one["emoji"] for one in (*first["reactions"], *second["reactions"])] == ["👍", "🎉"]
    assert "next" not in second
    with pytest.raises(NoSuchMessage):
        await alice.do(React(room_id="hall", message_id="999", emoji="👍", on=True))
