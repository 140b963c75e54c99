"""The bus fails: Redis dies, hangs, forgets everything; publishes get lost. No message does."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack

from tests.flows.frames import enter
from tests.reliability.traffic import Traffic
from tests.support.client import ChatClient
from tests.support.machine import eventually
from tests.support.servers import ServerProcess
from tests.support.services import Redis

Processes = Callable[..., list[ServerProcess]]
FAULTY = {"DJANGO_SETTINGS_MODULE": "tests.support.faulty_settings"}


async def test_redis_is_killed_under_load(
    processes: Processes, redis: Redis, outage_s: Callable[..., float], record: Callable[..., None]
) -> None:
    away_s = outage_s(5, 20)
    servers = processes(3)
    async with Traffic.of(servers) as traffic, AsyncExitStack() as stack:
        people = [server.person(f"witness-{number}") for number, server in enumerate(servers)]
        lines = [(server.ws_url, person.token) for server, person in zip(servers, people, strict=True)]
        witnesses = [await stack.enter_async_context(ChatClient.connect(*line)) for line in lines]
        near = await stack.enter_async_context(ChatClient.connect(servers[0].ws_url, people[1].token))
        for client in (*witnesses, near):
            await enter(client, "silent")
        await traffic.acknowledged(50)
        redis.kill()
        end = asyncio.get_running_loop().time() + away_s
        await witnesses[0].call("chat-message", roomId="silent", content="said without Redis")
        await near.call("ping")
        assert near.log[-2].get("content") == "said without Redis", "local members have it when its sender has the ack"
        await witnesses[1].expect("chat-message")  # by the sweep, which reads every second
        await _newcomers_are_let_in(servers[2], people[0].token)
        await traffic.acknowledged(50)
        await asyncio.sleep(end - asyncio.get_running_loop().time())
        await asyncio.to_thread(redis.start)
        await eventually(lambda: "presence.unreachable" in servers[0].tail(), what="the outage is logged")
        await _nobody_is_deaf(witnesses)
        counts = (await traffic.end(servers[0].database)).check()
        assert [client.connections for client in traffic.clients] == [1] * 6, "nobody was cut off"
    record(f"Redis killed for {away_s} s", 3, "local members at once, others by the sweep; all receive again", counts)


async def _newcomers_are_let_in(server: ServerProcess, token: str) -> None:
    async with ChatClient.connect(server.ws_url, token) as client:
        joined = await client.call("join-room", roomId="silent")
        assert joined["memberCount"] >= 1, "its own people are what a process knows without Redis"


async def _nobody_is_deaf(witnesses: list[ChatClient]) -> None:
    """A message of each process reaches the others live: over the layer, which carries no `chat` by other ways."""
    for number, speaker in enumerate(witnesses):
        async with asyncio.timeout(10):
            await _heard_by_all(speaker, witnesses, f"is anybody there {number}")


async def _heard_by_all(speaker: ChatClient, witnesses: list[ChatClient], text: str) -> None:
    """An ephemeral event is not repaired by anything, so it is said until the layer is up again."""
    heard = {id(speaker)}
    while len(heard) < len(witnesses):
        await speaker.call("chat", message=text)
        for witness in witnesses:
            await witness.call("ping")
            if any(frame.get("message") == text for frame in witness.log):
                heard.add(id(witness))


async def test_redis_hangs_under_load(processes: Processes, redis: Redis, record: Callable[..., None]) -> None:
    """It accepts and does not answer: nothing is refused, so only a time limit tells."""
    servers = processes(2)
    token = servers[0].person("newcomer").token
    async with Traffic.of(servers, people=4) as traffic:
        await traffic.acknowledged(50)
        os.kill(redis.pid, signal.SIGSTOP)
        try:
            await traffic.acknowledged(50)
            async with ChatClient.connect(servers[0].ws_url, token) as client:
                assert (await client.call("join-room", roomId="new", within=10))["type"] == "room-joined"
        finally:
            os.kill(redis.pid, signal.SIGCONT)
        counts = (await traffic.end(servers[0].database)).check()
    record("Redis hangs (SIGSTOP)", 2, "messages are stored and joins answered all the same", counts)


async def test_redis_is_emptied(processes: Processes, redis: Redis, record: Callable[..., None]) -> None:
    servers = processes(2)
    async with Traffic.of(servers, people=4) as traffic:
        await traffic.acknowledged(20)
        async with ChatClient.connect(servers[1].ws_url, servers[1].person("witness").token) as witness:
            await enter(witness, "hall")
            assert await _count(witness, "hall") == 5
            start = asyncio.get_running_loop().time()
            await asyncio.to_thread(redis.empty)
            while await _count(witness, "hall") != 5:
                assert asyncio.get_running_loop().time() - start < 2 * 2, "two leases of 2 s"
            took_s = asyncio.get_running_loop().time() - start
            online = (await witness.call("get-online-users"))["users"]
        await traffic.acknowledged(50)
        counts = (await traffic.end(servers[0].database)).check()
    assert len(online) == 5
    record("Redis emptied (FLUSHALL)", 2, f"presence is right again after {took_s:.1f} s, with leases of 2 s", counts)


async def _count(client: ChatClient, room: str) -> int:
    rooms = (await client.call("get-rooms"))["rooms"]
    return next(found["memberCount"] for found in rooms if found["id"] == room)


async def test_every_publish_is_lost(processes: Processes, record: Callable[..., None]) -> None:
    """The sweep alone keeps the others going."""
    servers = processes(2, **FAULTY, LOSE_EVERY=1)
    async with Traffic.of(servers, people=4) as traffic:
        await traffic.acknowledged(50)
        counts = (await traffic.end(servers[0].database)).check()
    record("every publish to a room lost", 2, "found by the sweep", counts)


async def test_every_tenth_publish_is_lost_and_every_tenth_message_missed(
    processes: Processes, record: Callable[..., None]
) -> None:
    """A hole is found by what comes after it; the last message of all by the sweep."""
    servers = processes(3, **FAULTY, LOSE_EVERY=10, MISS_EVERY=10)
    async with Traffic.of(servers) as traffic:
        await traffic.acknowledged(300)
        counts = (await traffic.end(servers[0].database)).check()
    record("every tenth publish lost, every tenth missed by each relay", 3, "holes are read and filled", counts)
