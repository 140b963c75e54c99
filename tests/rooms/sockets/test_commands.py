"""What commands do beyond what the flows show: signing in while somebody's rights change."""

from types import SimpleNamespace

import pytest

from accounts import authentication
from accounts.models import User
from rooms import attendance, handlers
from rooms.delivery.connection import Connection
from rooms.node import Node
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)


async def test_who_is_deactivated_while_their_token_is_read_does_not_come_in(people: SimpleNamespace) -> None:
    node, events = Node(attendance.check), []

    async def send(event: dict[str, object]) -> None:
        events.append(event)

    connection = Connection(send, limit_bytes=0, on_cut=lambda: None)

    def read(_token: str) -> authentication.Identity:
        alice = people.alice
        identity = authentication.Identity(alice.pk, alice.username, alice.roles, alice.stamp())
        User.objects.filter(pk=alice.pk).update(is_active=False)  # the moment after
        node.loop.call_soon_threadsafe(node._on_control, f"[{alice.pk}]".encode())
        return identity

    node.start()
    try:
        await handlers.sign_in_by(node, connection, read, "token")
        await eventually(lambda: events[-1]["type"] == "websocket.close")
    finally:
        connection.ended()
        await node.stop()
    assert events[-1] == {"type": "websocket.close", "code": 4102, "reason": "Banned"}
