"""What measurements share: a server of one's own, its CPU and memory as the system counts them, and raw clients.

The clients speak just enough WebSocket to be cheap: they cut frames by their headers and look for a few bytes in them.
Linux only, for /proc.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Self

import msgspec

PROJECT = Path(__file__).resolve().parent.parent
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


@dataclass(frozen=True)
class Server:
    """One process of the production server on a database of its own."""

    pid: int
    port: int
    tokens: list[str]

    def cpu_s(self) -> float:
        """Seconds of CPU, user and system, all threads, since the start."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def resident_bytes(self) -> int:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def server(*, people: int, port: int = 8765, database_url: str = "") -> Iterator[Server]:
    """A running server with `people` users; SQLite in a new folder unless a database is given."""
    with tempfile.TemporaryDirectory() as folder:
        url = database_url or f"sqlite:///{folder}/bench.sqlite3"
        settings = {"DEBUG": "", "DATABASE_URL": url, "PORT": str(port), "CHAT_ENV_FILE": "", "LOG_LEVEL": "WARNING"}
        secrets = {"SECRET_KEY": token_hex(32), "JWT_SECRET": token_hex(32)}
        environment = {**os.environ, **settings, **secrets}

        def manage(*words: str) -> str:
            command = [sys.executable, "manage.py", *words, "--skip-checks"]
            return subprocess.run(
                command, cwd=PROJECT, env=environment, check=True, capture_output=True, text=True
            ).stdout

        manage("migrate")
        tokens = manage("mint_tokens", "--count", str(people)).split()
        process = subprocess.Popen([sys.executable, "-m", "chatsite.server"], cwd=PROJECT, env=environment)
        try:
            _wait_for(port, process)
            yield Server(process.pid, port, tokens)
        finally:
            process.terminate()
            process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise RuntimeError("The server has ended; is the port taken?")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health").close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("The server does not answer")


class RawClient(asyncio.Protocol):
    """Counts the frames that contain `counted`; `seen` is called for each of them."""

    def __init__(self) -> None:
        self.buffer = b""
        self.open = False
        self.frames = 0
        self.counted = b'"chat-message"'
        self.count = 0
        self.news = asyncio.Event()

    @classmethod
    async def connect(cls, port: int, token: str, room: str = "") -> Self:
        """A client that is signed in, and in the room if one is named."""
        _, client = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        await client.wait_for(frames=1)  # welcome
        client.send({"type": "auth", "token": token})
        await client.wait_for(frames=2)
        if room:
            client.send({"type": "join-room", "roomId": room})
            await client.wait_for(frames=4)
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(HANDSHAKE)

    def send(self, frame: dict[str, object]) -> None:
        payload = msgspec.json.encode(frame)
        size = len(payload)
        head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
        self.transport.write(head + b"\0\0\0\0" + payload)  # a mask of zeros leaves the payload as it is

    async def wait_for(self, *, frames: int = 0, count: int = 0) -> None:
        while self.frames < frames or self.count < count:
            self.news.clear()
            await self.news.wait()

    def data_received(self, data: bytes) -> None:
        data = self.buffer + data if self.buffer else data
        at = 0
        if not self.open:
            at = data.find(b"\r\n\r\n") + 4
            self.open = at > 3
            at = at if self.open else 0
        while self.open and len(data) - at >= 2:
            size, start = data[at + 1], at + 2
            if size > 125:
                width = 2 if size == 126 else 8
                if len(data) - at < 2 + width:
                    break
                size, start = int.from_bytes(data[start : start + width], "big"), start + width
            if len(data) < start + size:
                break
            self.frames += 1
            self.count += data.find(self.counted, start, start + 32) >= 0
            at = start + size
        self.buffer = data[at:]
        self.news.set()


def tell(words: dict[str, str]) -> None:
    """Prints one measurement, a line for each figure."""
    width = max(map(len, words))
    for name, value in words.items():
        print(f"  {name:<{width}}  {value}")
