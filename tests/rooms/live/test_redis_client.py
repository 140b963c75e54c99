"""Clients of a real Redis: behind Sentinel with passwords, through a failover, and over TLS."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis import Redis as Client
from redis.exceptions import RedisError

from rooms.live.presence import Change
from rooms.live.redis_client import client
from rooms.live.redis_presence import RedisPresence
from rooms.redis_hosts import parse
from tests.rooms.live.test_presence import ALICE, KITCHEN
from tests.support.machine import missing, wait_until
from tests.support.services import Redis, Sentinel

PASSWORD, OWN_PASSWORD = "of-the-servers", "of-sentinel"


class Watched:
    """A primary and its replica, both with a password, and a Sentinel with another one."""

    def __init__(self, folder: Path) -> None:
        secrets = ("--requirepass", PASSWORD, "--masterauth", PASSWORD)
        self.primary = Redis(folder, *secrets)
        self.replica = Redis(folder, *secrets, "--replicaof", f"127.0.0.1 {self.primary.port}")
        wait_until(self._is_copied, what="the replica is in step")
        self.sentinel = Sentinel(folder, self.primary, password=PASSWORD, own_password=OWN_PASSWORD)
        wait_until(lambda: int(self.sentinel.ask()["num-slaves"]) == 1, what="Sentinel knows the replica")

    def fail_over(self) -> None:
        self.primary.kill()
        wait_until(lambda: int(self.sentinel.ask()["port"]) == self.replica.port, what="the replica is promoted")

    def _is_copied(self) -> bool:
        with closing(Client(port=self.replica.port, password=PASSWORD)) as replica:
            return str(replica.info("replication")["master_link_status"]) == "up"

    def close(self) -> None:
        for server in (self.sentinel, self.replica, self.primary):
            server.kill()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    servers = Watched(tmp_path)
    yield servers
    servers.close()


async def test_presence_and_events_go_on_after_a_failover(watched: Watched) -> None:
    [host] = hosts = parse(watched.sentinel.url)
    presence = RedisPresence(host, lease_s=60)
    layer = RedisPubSubChannelLayer(hosts=hosts)
    channel = await layer.new_channel()
    hearing = asyncio.create_task(_hear(layer, channel))
    await presence.renew()
    await presence.connect(ALICE)
    await presence.enter(KITCHEN, "1")
    await asyncio.to_thread(watched.fail_over)
    await _repeat(lambda: _renewed(presence))
    assert await presence.online() == [ALICE]
    assert await presence.enter(KITCHEN, "1") == Change(False, 1), "the promoted server counts on"
    await _repeat(lambda: _heard(layer, channel, hearing))
    await presence.close()
    await _end(layer)


async def _end(layer: Any) -> None:
    """channels-redis leaves its connections to the Sentinels open."""
    sentinels = [one for shard in layer._shards for one in shard._redis.connection_pool.sentinel_manager.sentinels]
    await layer.flush()
    for sentinel in sentinels:
        await sentinel.aclose()


async def _hear(layer: Any, channel: str) -> dict[str, Any]:
    message: dict[str, Any] = await layer.receive(channel)
    return message


async def _renewed(presence: RedisPresence) -> bool:
    await presence.renew()
    return presence.reachable()


async def _heard(layer: Any, channel: str, hearing: asyncio.Task[dict[str, Any]]) -> bool:
    try:
        await layer.send(channel, {"type": "after"})
    except RedisError:  # the connection to the one that died
        return False
    await asyncio.wait([hearing], timeout=0.1)
    return hearing.done() and hearing.result() == {"type": "after"}


async def _repeat(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not await condition():  # noqa: ASYNC110 - nothing says when a failover is done
            await asyncio.sleep(0.05)


async def test_a_wrong_password_of_sentinel_is_an_error_and_no_wait(watched: Watched) -> None:
    [host] = parse(watched.sentinel.url.replace(OWN_PASSWORD, "another"))
    redis = client(host)
    with pytest.raises(RedisError):
        await redis.ping()
    await redis.aclose()


# --- TLS --------------------------------------------------------------------------------------------------------------
@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    openssl = shutil.which("openssl") or missing("openssl")
    path = tmp_path / "redis.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "certificate.pem"],
        check=True, cwd=tmp_path, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    path.write_text((tmp_path / "key.pem").read_text() + (tmp_path / "certificate.pem").read_text())
    return path


@pytest.fixture
async def tls_port(redis: Redis, certificate: Path) -> AsyncIterator[int]:
    """Where TLS is taken off and passed on to Redis."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner = await asyncio.open_connection("127.0.0.1", redis.port)
        await asyncio.gather(_copy(reader, inner[1]), _copy(inner[0], writer))

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except OSError:
        pass
    writer.close()


async def test_redis_is_reached_over_tls(tls_port: int, certificate: Path) -> None:
    [host] = hosts = parse(f"rediss://127.0.0.1:{tls_port}/0?ssl_ca_certs={certificate}")
    presence = RedisPresence(host, lease_s=60)
    await presence.renew()
    assert presence.reachable()
    assert await presence.connect(ALICE) == 1
    await presence.close()
    layer = RedisPubSubChannelLayer(hosts=hosts)
    channel = await layer.new_channel()
    hearing = asyncio.create_task(_hear(layer, channel))
    await _repeat(lambda: _heard(layer, channel, hearing))
    await layer.flush()


async def test_a_server_whose_certificate_nobody_vouches_for_is_not_trusted(tls_port: int) -> None:
    [host] = parse(f"rediss://127.0.0.1:{tls_port}/0")
    redis = client(host)
    with pytest.raises(RedisError, match="CERTIFICATE_VERIFY_FAILED"):
        await redis.ping()
    await redis.aclose()
