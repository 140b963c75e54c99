"""Reading by a socket: what is answered, who is sent a marker, and what is left when many read at once."""

from types import SimpleNamespace
from typing import Any

import pytest

from rooms import database
from rooms.errors import Forbidden
from rooms.live.node import Node
from rooms.models import Membership, Room
from rooms.protocol.commands.marks import GetReaders, GetUnread, HideReads, MarkRead, MarkUnread
from rooms.services.posting import post_message
from rooms.sockets import session
from tests.support.connections import Client
from tests.support.factories import make_user
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def members(hall: Room, people: SimpleNamespace) -> Room:
    for user in (people.alice, people.bob):
        Membership.objects.create(room=hall, user=user)
    return hall


async def say(room: Room, author: Any, count: int = 1) -> str:
    """The id of the last of several messages."""
    for _ in range(count):
        stored = await database.call(post_message, room_id=room.pk, author_id=author.pk, content="hi")
    return str(stored.id)


async def another(node: Node, user: Any) -> Client:
    client = Client(node)
    await client.sign_in(user)
    return client


async def test_what_is_read_is_answered_and_sent_to_the_room_and_to_own_connections(
    node: Node, members: Room, people: SimpleNamespace, alice: Client, bob: Client
) -> None:
    inside, elsewhere = await another(node, people.alice), await another(node, people.alice)
    message_id = await say(members, people.bob, 2)
    for client in (alice, bob, inside):
        await client.join("hall")
    for client in (alice, bob, inside):
        client.frames.clear()
    await alice.do(MarkRead(id="1", room_id="hall", seq=2))
    user = {"id": str(people.alice.pk), "username": "alice"}
    marker = {"type": "read-marker", "roomId": "hall", "user": user, "seq": 2, "version": 0}
    for client in (bob, inside, elsewhere):
        await eventually(lambda client=client: client.frames == [marker])
    await eventually(lambda: alice.frames)
    assert alice.frames == [{"type": "ack", "id": "1", "roomId": "hall", "seq": 2, "version": 0}]
    await bob.do(GetReaders(id="2", room_id="hall", message_id=message_id))
    expected = {"roomId": "hall", "messageId": message_id, "count": 1, "of": 1, "users": [user]}
    assert bob.frames[-1] == {"type": "readers", "id": "2", **expected}


async def test_marking_unread_is_acknowledged_and_sent_to_own_connections_alone(
    node: Node, members: Room, people: SimpleNamespace, alice: Client, bob: Client
) -> None:
    await say(members, people.bob, 2)
    page = await another(node, people.alice)
    await bob.join("hall")
    bob.frames.clear()
    await alice.do(MarkRead(room_id="hall", seq=2))
    await alice.do(MarkUnread(id="1", room_id="hall", seq=1))
    assert alice.frames == [{"type": "ack", "id": "1", "roomId": "hall", "seq": 1, "version": 1}]
    await eventually(lambda: len(page.frames) == 2)
    assert [(one["seq"], one["version"]) for one in page.frames] == [(2, 0), (1, 1)]
    await alice.do(GetUnread(id="2"))
    shown = {"roomId": "hall", "unread": 1, "mentions": 0, "readSeq": 1, "version": 1, "headSeq": 2}
    assert alice.frames[-1] == {"type": "unread", "id": "2", "rooms": [shown]}
    assert [(one["seq"], one["version"]) for one in bob.got("read-marker")] == [(2, 0)]


async def test_who_hides_what_they_read_is_told_so(members: Room, alice: Client) -> None:
    await alice.do(HideReads(id="1", on=True))
    await alice.do(GetUnread())
    assert alice.frames[0] == {"type": "ack", "id": "1"}
    assert alice.frames[1]["hidden"] is True
    await alice.do(HideReads(on=False))
    await alice.do(GetUnread())
    assert "hidden" not in alice.frames[-1]


async def test_a_visitor_has_no_mark(node: Node, hall: Room, alice: Client) -> None:
    with pytest.raises(Forbidden):
        await alice.do(MarkRead(room_id="hall", seq=0))
    await alice.join("hall")
    alice.frames.clear()
    await alice.do(MarkRead(id="1", room_id="hall", seq=0))
    await eventually(lambda: alice.frames)
    assert (alice.frames[0]["id"], alice.frames[0]["code"]) == ("1", "forbidden")


async def test_who_becomes_a_member_while_connected_has_one(
    node: Node, hall: Room, people: SimpleNamespace, alice: Client
) -> None:
    await alice.join("hall")
    await say(hall, people.alice)
    await alice.do(MarkRead(id="1", room_id="hall", seq=1))
    await eventually(lambda: alice.got("ack"))


async def test_the_marks_of_a_large_room_add_no_frames(
    node: Node, hall: Room, people: SimpleNamespace, settings: Any
) -> None:
    """Of a thousand a hundredth, with the limit made as small."""
    settings.CHAT_MAX_RECEIPT_MEMBERS = 9
    users = [await database.call(make_user) for _ in range(10)]
    for user in users:
        await database.call(Membership.objects.create, room=hall, user=user)
    clients = [await another(node, user) for user in users]
    for client in clients:
        await client.join("hall")
    await say(hall, people.bob)
    await eventually(lambda: all(client.got("chat-message") for client in clients))
    for client in clients:
        await client.do(MarkRead(room_id="hall", seq=1))
    await node.marks.flush()
    assert await database.call(Membership.objects.filter(room=hall, read_seq=1).count) == 10
    assert not [frame for client in clients for frame in client.got("read-marker")]


async def test_what_was_read_survives_the_end_of_the_process(
    node: Node, members: Room, people: SimpleNamespace, alice: Client, settings: Any
) -> None:
    settings.CHAT_MARKS_INTERVAL_MS = 3_600_000
    await say(members, people.bob, 3)
    await alice.do(MarkRead(id="1", room_id="hall", seq=1))
    await eventually(lambda: alice.got("ack"))
    await alice.do(MarkRead(id="2", room_id="hall", seq=2))
    await node.stop()
    assert [one["seq"] for one in alice.got("ack")] == [1, 2]
    fresh = Node(session.recheck)
    fresh.start()
    again = await another(fresh, people.alice)
    await again.do(GetUnread())
    [room] = again.frames[-1]["rooms"]
    assert (room["unread"], room["readSeq"]) == (1, 2)
    await fresh.stop()
