"""What sockets need: a node that serves nobody yet, two people who are signed in, and a room that stays."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import LazySettings

if TYPE_CHECKING:
    from rooms.live.node import Node
    from rooms.models import Room
    from tests.support.connections import Client


@pytest.fixture
async def node(transactional_db: None, settings: LazySettings) -> AsyncIterator["Node"]:
    from rooms.live.node import Node
    from rooms.sockets import session

    settings.CHAT_LEAVE_DELAY_S = 0
    node = Node(session.recheck)
    node.start()
    yield node
    await node.stop()


async def _signed_in(node: "Node", user: Any) -> "Client":
    from tests.support.connections import Client

    client = Client(node)
    await client.sign_in(user)
    return client


@pytest.fixture
async def alice(node: "Node", people: SimpleNamespace) -> "Client":
    return await _signed_in(node, people.alice)


@pytest.fixture
async def bob(node: "Node", people: SimpleNamespace) -> "Client":
    return await _signed_in(node, people.bob)


@pytest.fixture
def hall(transactional_db: None) -> "Room":
    from tests.support.factories import make_room

    return make_room("hall")
