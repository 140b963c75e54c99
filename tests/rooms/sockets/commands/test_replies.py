"""Replies by a socket: posted through the write queue, quoted to everybody who may see what they answer."""

from types import SimpleNamespace

import pytest

from rooms import database
from rooms.errors import NoSuchMessage
from rooms.models import Room
from rooms.protocol.commands.posting import SendChatMessage
from rooms.protocol.commands.replies import GetReplies
from rooms.services.posting import post_message
from tests.support.connections import Client
from tests.support.machine import eventually
from tests.support.rooms import restrict

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_reply_is_quoted_to_those_who_may_see_what_it_answers(
    hall: Room, alice: Client, bob: Client, people: SimpleNamespace
) -> None:
    said = await database.call(post_message, room_id=hall.pk, author_id=people.alice.pk, content="who comes?")
    await database.call(restrict, hall, people.bob, visible_from_seq=1)
    for client in (alice, bob):
        await client.join("hall")
    answer = SendChatMessage(id="1", room_id="hall", content="me", reply_to=str(said.id))
    await alice.do(answer)
    await eventually(lambda: bob.got("chat-message") and alice.got("ack"))
    [seen], [limited] = alice.got("chat-message"), bob.got("chat-message")
    ids = {"messageId": str(said.id), "rootId": str(said.id), "seq": 1}
    user = {"id": str(people.alice.pk), "username": "alice"}
    assert seen["replyTo"] == {**ids, "user": user, "excerpt": "who comes?"}
    assert limited["replyTo"] == ids
    await alice.do(GetReplies(id="2", room_id="hall", message_id=str(said.id)))
    [thread] = alice.got("replies")
    assert [message["content"] for message in thread["messages"]] == ["me"]
    await bob.do(SendChatMessage(id="3", room_id="hall", content="me too", reply_to=str(said.id)))
    await eventually(lambda: bob.got("error"))
    assert (bob.got("error")[0]["id"], bob.got("error")[0]["code"]) == ("3", "no-such-message")
    with pytest.raises(NoSuchMessage):
        await alice.do(SendChatMessage(room_id="hall", content="me", reply_to="x"))
