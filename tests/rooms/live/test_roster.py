"""Who is where, asked from threads: of the running node, or of Redis where none is running."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import LazySettings

from rooms.errors import Unavailable
from rooms.live import node as node_module
from rooms.live import roster
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.live.presence import Online
from rooms.live.redis_presence import RedisPresence
from tests.support.services import Redis

pytestmark = pytest.mark.django_db(transaction=True)
ALICE = Online("1", "alice", datetime(2026, 1, 2, tzinfo=UTC), "::1")


async def nothing(_node: Node, _connection: Connection) -> None:
    """There is nobody to re-check."""


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    yield node_module.running(nothing)
    await node_module.stop()


async def test_threads_are_answered_by_the_running_node(node: Node) -> None:
    await node.presence.connect(ALICE)
    await node.presence.enter(7, "1")
    assert await asyncio.to_thread(roster.member_counts, [7, 8]) == {7: 1, 8: 0}
    assert await asyncio.to_thread(roster.online) == [ALICE]
    assert await asyncio.to_thread(roster.room_members) == {7: [ALICE]}


def test_without_a_node_and_without_redis_nobody_is_online() -> None:
    assert roster.member_counts([7]) == {7: 0}
    assert roster.online() == []
    assert roster.room_members() == {}


async def test_without_a_node_redis_is_asked(redis: Redis, settings: LazySettings) -> None:
    settings.CHAT_REDIS_URL = redis.url
    other = RedisPresence({"address": redis.url}, lease_s=60)
    await other.renew()
    await other.connect(ALICE)
    await other.enter(7, 1)
    assert await asyncio.to_thread(roster.member_counts, [7, 8]) == {7: 1, 8: 0}
    assert await asyncio.to_thread(roster.online) == [ALICE]
    assert await asyncio.to_thread(roster.room_members) == {7: [ALICE]}
    await other.close()


async def test_presence_that_does_not_answer_is_unavailable(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang() -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(roster, "ASK_TIMEOUT_S", 0.05)
    monkeypatch.setattr(node.presence, "online", hang)
    with pytest.raises(Unavailable):
        await asyncio.to_thread(roster.online)
