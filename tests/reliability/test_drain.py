"""SIGTERM to one of two processes: its clients are told, spread out, and stored; the other one knows at once."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
import websockets
from websockets.exceptions import InvalidStatus

from tests.flows.frames import enter
from tests.reliability.traffic import Counts
from tests.support.client import ChatClient
from tests.support.machine import eventually
from tests.support.servers import ServerProcess

Processes = Callable[..., list[ServerProcess]]
PEOPLE, DRAIN_S, BURST = 12, 2, 200


async def test_a_process_takes_leave(processes: Processes, record: Callable[..., None]) -> None:
    leaving, staying = processes(2, CHAT_DRAIN_S=DRAIN_S)
    assert await asyncio.to_thread(_ready, leaving) == (200, [])
    async with AsyncExitStack() as stack:
        witness = await stack.enter_async_context(ChatClient.connect(staying.ws_url, staying.person("stays").token))
        await enter(witness, "hall")
        clients = []
        for number in range(PEOPLE):
            person = leaving.person(f"person-{number}")
            clients.append(await stack.enter_async_context(ChatClient.connect(leaving.ws_url, person.token)))
            await enter(clients[-1], "hall")
        for number in range(BURST):
            await clients[0].send("chat-message", id=f"{number}", roomId="hall", content=f"{number}")
        status = asyncio.create_task(asyncio.to_thread(leaving.terminate))
        announced = [(await client.expect("server-draining"))["reconnectInMs"] for client in clients]
        assert await asyncio.to_thread(_ready, leaving) == (503, ["draining"])
        with pytest.raises(InvalidStatus, match="503"):  # a proxy asks the next process
            await websockets.connect(leaving.ws_url, proxy=None)
        closed_at = await asyncio.gather(*map(_goodbye, clients))
        assert await status == 0
        rooms = (await witness.call("get-rooms"))["rooms"]
        assert rooms == [{"id": "hall", "memberCount": 1}], "leases are given up, not left to end"
        for _ in range(PEOPLE):
            await witness.expect("user-left")
        acks = {frame["seq"] for frame in clients[0].log if frame["type"] == "ack"}
        stored = staying.database.run(_stored)
        await eventually(lambda: len(_seqs(witness)) >= len(stored), what="the other process has all")
    assert all(0 <= ms <= 1000 * DRAIN_S for ms in announced)
    spread_s = max(closed_at) - min(closed_at)
    assert spread_s > DRAIN_S / 4, "not all at once"
    seen = _seqs(witness)
    lost, doubled = len(acks - set(stored)) + len(set(stored) - set(seen)), len(seen) - len(set(seen))
    counts = Counts(BURST, len(acks), len(stored), lost, doubled, int(seen != stored)).check()
    seen_text = f"/ready 503, 1001 over {spread_s:.1f} s, exit 0, counts right at once"
    record("SIGTERM: drain", 2, seen_text, counts)


def _ready(server: ServerProcess) -> tuple[int, list[str]]:
    try:
        with urllib.request.urlopen(f"{server.url}/ready", timeout=5) as answer:  # noqa: S310 - our own address
            return answer.status, json.load(answer)["reasons"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)["reasons"]


async def _goodbye(client: ChatClient) -> float:
    assert await client.closed() == (1001, "Server shutdown")
    return asyncio.get_running_loop().time()


def _seqs(client: ChatClient) -> list[int]:
    return [frame["seq"] for frame in client.log if frame["type"] == "chat-message"]


def _stored() -> list[int]:
    from rooms.models import Message

    return list(Message.objects.order_by("seq").values_list("seq", flat=True))
