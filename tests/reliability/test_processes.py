"""Processes that die and processes that are replaced, while people talk."""

import asyncio
from collections.abc import Callable

from tests.reliability.traffic import Traffic
from tests.support.servers import ServerProcess

Processes = Callable[..., list[ServerProcess]]


async def test_a_process_is_killed_under_load(processes: Processes, record: Callable[..., None]) -> None:
    servers = processes(3)
    async with Traffic.of(servers) as traffic:
        await traffic.acknowledged(60)
        servers[0].kill()
        await traffic.acknowledged(60)
        await asyncio.to_thread(servers[0].start)
        await traffic.acknowledged(30)
        counts = await traffic.end(servers[0].database)
        counts.check()
        assert sum(client.connections for client in traffic.clients) == len(traffic.clients) + 2, "two were cut off"
    record("kill -9 of one process under load", 3, "its clients go on with the others, without a gap", counts)


async def test_two_processes_are_replaced_one_after_the_other(
    processes: Processes, record: Callable[..., None]
) -> None:
    """A send that is refused raises in its sender, so that none failed is part of the account."""
    servers = processes(2)
    async with Traffic.of(servers) as traffic:
        await traffic.acknowledged(30)
        for server in servers:
            assert await asyncio.to_thread(server.terminate) == 0
            await traffic.acknowledged(30)
            await asyncio.to_thread(server.start)
            await traffic.acknowledged(30)
        counts = (await traffic.end(servers[0].database)).check()
        codes = {client.close_code for client in traffic.clients}
    assert counts.sent == counts.acknowledged
    record("rolling restart of both processes", 2, "every send was answered; exit status 0 twice", counts)
    assert codes <= {None, 1001}
