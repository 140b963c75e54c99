"""Messages by a socket: acknowledged when stored, once for each client id, and refused by the id of their command."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from rooms import database
from rooms.errors import BadFrame, NotInRoom
from rooms.models import Message, Room
from rooms.protocol.commands.posting import SendChatMessage, SendMessage, SendRoomMessage
from rooms.services import moderation
from tests.support.connections import Client
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def member(hall: Room, alice: Client) -> Client:
    await alice.join("hall")
    return alice


async def contents() -> list[str]:
    return await database.call(lambda: list(Message.objects.order_by("seq").values_list("content", flat=True)))


@pytest.mark.parametrize(("kind", "event"), [(SendChatMessage, "chat-message"), (SendRoomMessage, "room-message")])
async def test_a_message_is_broadcast_and_acknowledged(member: Client, kind: type[SendMessage], event: str) -> None:
    await member.do(kind(id="7", room_id="hall", content="hi"))
    await eventually(lambda: len(member.frames) == 2)
    [message], [ack] = member.got(event), member.got("ack")
    assert (message["content"], message["seq"]) == ("hi", 1)
    assert ack == {
        "type": "ack", "id": "7", "roomId": "hall", "seq": 1,
        "messageId": message["messageId"], "timestamp": message["timestamp"],
    }  # fmt: skip


async def test_a_message_without_an_id_is_not_acknowledged(member: Client) -> None:
    await member.do(SendChatMessage(room_id="hall", content="hi"))
    await member.connection.settled()
    assert member.kinds == ["chat-message"]


async def test_the_same_id_twice_is_two_messages(member: Client) -> None:
    for content in ("first", "second"):
        await member.do(SendChatMessage(id="1", room_id="hall", content=content))
    await member.connection.settled()
    assert await contents() == ["first", "second"]
    assert [ack["seq"] for ack in member.got("ack")] == [1, 2]


async def test_the_same_client_id_twice_is_one_message(member: Client) -> None:
    for command_id in ("1", "2"):
        await member.do(SendChatMessage(id=command_id, client_id="c", room_id="hall", content="hi"))
        await member.connection.settled()
    assert await contents() == ["hi"]
    assert [(ack["id"], ack["seq"]) for ack in member.got("ack")] == [("1", 1), ("2", 1)]
    assert len(member.got("chat-message")) == 1


async def test_other_content_under_the_same_client_id_is_a_conflict(member: Client) -> None:
    for content in ("hi", "bye"):
        await member.do(SendChatMessage(id=content, client_id="c", room_id="hall", content=content))
    await member.connection.settled()
    assert await contents() == ["hi"]
    [error] = member.got("error")
    assert (error["id"], error["code"], error["retryable"]) == ("bye", "conflict", False)


async def test_a_refusal_answers_its_command(people: SimpleNamespace, hall: Room, member: Client) -> None:
    until = timezone.now() + timedelta(hours=1)
    await database.call(moderation.mute, room_id=hall.pk, user_id=people.alice.pk, until=until)
    await member.do(SendChatMessage(id="7", room_id="hall", content="hi"))
    await member.connection.settled()
    [error] = member.got("error")
    assert (error["id"], error["code"]) == ("7", "muted")
    assert await contents() == []


async def test_only_members_write_to_a_room(hall: Room, bob: Client) -> None:
    with pytest.raises(NotInRoom):
        await bob.do(SendChatMessage(room_id="hall", content="hi"))


async def test_a_message_outside_the_rules_is_refused_before_it_is_queued(member: Client) -> None:
    with pytest.raises(BadFrame):
        await member.do(SendChatMessage(room_id="hall", content=" "))
    assert member.connection.pending == 0
