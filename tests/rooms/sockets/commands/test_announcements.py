"""What is said to everybody: by anybody for the moment, by admins as such."""

from types import SimpleNamespace

import pytest

from rooms.errors import Forbidden
from rooms.live.node import Node
from rooms.protocol.commands.announcements import AdminBroadcast, SendChat
from tests.support.connections import Client

pytestmark = pytest.mark.django_db(transaction=True)


async def test_everybody_signed_in_hears_a_chat(node: Node, alice: Client, bob: Client) -> None:
    stranger = Client(node)
    await alice.do(SendChat(id="1", message="hi"))
    [heard] = bob.frames
    assert (heard["type"], heard["message"], heard["user"]["username"]) == ("chat", "hi", "alice")
    assert alice.frames == [heard, {"type": "ack", "id": "1"}]
    assert stranger.frames == []


async def test_only_admins_broadcast_as_such(node: Node, people: SimpleNamespace, bob: Client) -> None:
    admin = Client(node)
    await admin.sign_in(people.admin)
    await admin.do(AdminBroadcast(content="closing time"))
    assert bob.frames == [{"type": "admin-message", "content": "closing time", "from": "admin"}]
    with pytest.raises(Forbidden):
        await bob.do(AdminBroadcast(content="me too"))
