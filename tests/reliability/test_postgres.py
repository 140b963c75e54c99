"""The database fails: it dies, it is slow, one room's row is held. Nothing is acknowledged that is not stored."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import psycopg
import pytest

from tests.flows.frames import enter
from tests.reliability.traffic import Traffic
from tests.support.client import ChatClient
from tests.support.servers import Person, ServerProcess
from tests.support.services import Postgres

Processes = Callable[..., list[ServerProcess]]
SLOW = """
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1.5); RETURN NEW; END $$;
    CREATE TRIGGER slow BEFORE INSERT ON chat_rooms_message FOR EACH STATEMENT EXECUTE FUNCTION slow();
"""


async def test_postgres_is_killed_under_load(
    processes: Processes, postgres: Postgres, outage_s: Callable[..., float], record: Callable[..., None]
) -> None:
    away_s = outage_s(3, 10)
    servers = processes(2)
    pids = [server.pid for server in servers]
    async with (
        Traffic.of(servers, people=4) as traffic,
        ChatClient.connect(servers[0].ws_url, servers[0].person("witness").token) as witness,
    ):
        await enter(witness, "aside")
        await traffic.acknowledged(50)
        postgres.kill()
        end = asyncio.get_running_loop().time() + away_s
        await _refused_for_now(witness)
        await asyncio.sleep(end - asyncio.get_running_loop().time())
        await asyncio.to_thread(postgres.start)
        back = asyncio.get_running_loop().time()
        await traffic.acknowledged(1)
        recovered_s = asyncio.get_running_loop().time() - back
        await traffic.acknowledged(50)
        counts = (await traffic.end(servers[0].database)).check()
        refusals = sum(frame["type"] == "error" for client in traffic.clients for frame in client.frames)
        assert (await witness.call("chat-message", roomId="aside", content="again"))["type"] == "ack"
    assert [server.pid for server in servers] == pids
    assert refusals
    seen = f"{refusals} times `unavailable`, each sent again and stored; going on {recovered_s:.1f} s after its return"
    assert recovered_s < 8
    record(f"PostgreSQL killed for {away_s} s", 2, seen, counts)


async def _refused_for_now(client: ChatClient) -> None:
    """Without a database nothing is acknowledged, and what needs none is served."""
    answer = await client.call("chat-message", roomId="aside", content="lost?", within=15)
    assert (answer["type"], answer["code"], answer["retryable"]) == ("error", "unavailable", True)
    assert (await client.call("ping"))["type"] == "pong"


@pytest.fixture
def people(processes: Processes) -> tuple[ServerProcess, Person, Person]:
    """One process, for it is a single one that must not stand still."""
    [server] = processes(1)
    return server, server.person("alice"), server.person("bob")


@asynccontextmanager
async def _two(people: tuple[ServerProcess, Person, Person]) -> AsyncIterator[tuple[ChatClient, ChatClient]]:
    """Alice in the room that has to wait, Bob in another one."""
    server, alice, bob = people
    async with ChatClient.connect(server.ws_url, alice.token) as a, ChatClient.connect(server.ws_url, bob.token) as b:
        await enter(a, "slow")
        await enter(b, "quick")
        for client, room in ((a, "slow"), (b, "quick")):
            await client.call("chat-message", roomId=room, content="so that the room stays")
        yield a, b


async def test_storing_takes_its_time(
    people: tuple[ServerProcess, Person, Person], record: Callable[..., None]
) -> None:
    """What is not stored does not wait for it: pings, events that are not kept, joins and histories."""
    server, *_ = people
    async with _two(people) as (a, b):
        with psycopg.connect(server.database.url, autocommit=True) as connection:
            connection.execute(SLOW)
        await a.send("chat-message", id="waits", roomId="slow", content="waits")
        await b.call("ping")
        await b.send("chat", message="at once")
        await a.expect("chat", message="at once")
        await b.call("join-room", roomId="slow")
        await b.call("get-history", roomId="quick")
        assert "ack" not in [frame["type"] for frame in a.waiting], "not slow enough to prove anything"
        await a.expect("ack", id="waits")
    record("storing takes 1.5 s", 1, "pings, joins, histories and unstored events are not delayed")


@contextmanager
def _held(server: ServerProcess, room: str) -> Iterator[None]:
    """Somebody else's transaction has the room's row."""
    with psycopg.connect(server.database.url) as connection:
        connection.execute("SELECT 1 FROM chat_rooms_room WHERE name = %s FOR UPDATE", [room])
        yield


async def test_a_room_whose_row_is_held_keeps_no_other_room_waiting(
    people: tuple[ServerProcess, Person, Person], record: Callable[..., None]
) -> None:
    server, *_ = people
    async with _two(people) as (a, b):
        with _held(server, "slow"):
            for number in range(5):
                await a.send("chat-message", id=f"{number}", roomId="slow", content=f"{number}")
            await a.call("ping")
            times = []
            for number in range(10):
                start = time.monotonic()
                answer = await b.call("chat-message", roomId="quick", content=f"{number}")
                assert answer["type"] == "ack"
                times.append(time.monotonic() - start)
            assert "ack" not in [frame["type"] for frame in a.waiting]
        answers = [await a.expect("ack", id=f"{number}") for number in range(5)]
    assert [answer["seq"] for answer in answers] == [2, 3, 4, 5, 6]
    seen = f"other rooms' messages are acknowledged within {1000 * max(times):.0f} ms; its own wait, in order"
    record("one room's row held by another transaction", 1, seen)
