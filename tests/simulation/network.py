"""What lies between the simulated machines: a channel layer that loses, doubles, delays and reorders, and client lines.

Everything that happens is drawn from one `random.Random`, so a seed is a run. Knows no rooms and no frames.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

Message = dict[str, Any]


@dataclass
class Weather:
    """Chances, from 0 to 1, and mean times in seconds."""

    drop: float = 0.0  # of each copy of a published message
    double: float = 0.0
    refusal: float = 0.0  # of each call of the channel layer
    deafness: float = 0.0  # of each arriving message: the subscription breaks, and what was waiting is gone
    delay_s: float = 0.001
    database_s: float = 0.001
    statement_failure: float = 0.0  # of each SQL statement
    commit_failure: float = 0.0  # of each commit, half of them after the database has committed
    meanwhile: float = 0.0  # of each statement outside a transaction: somebody else commits just before

    def healed(self) -> "Weather":
        return replace(Weather(), delay_s=self.delay_s, database_s=self.database_s)


class Network:
    def __init__(self, dice: random.Random, weather: Weather) -> None:
        self.dice, self.weather = dice, weather
        self.groups: dict[str, dict[str, None]] = {}
        self.queues: dict[str, asyncio.Queue[Message | Exception]] = {}
        self.published = self.dropped = self.doubled = 0
        self.away_until = 0.0  # until then every call of the channel layer fails

    def delay(self, mean_s: float | None = None) -> float:
        return self.dice.expovariate(1 / (mean_s or self.weather.delay_s))

    def happens(self, chance: float) -> bool:
        return self.dice.random() < chance

    async def trip(self) -> None:
        await asyncio.sleep(self.delay())
        if self.happens(self.weather.refusal) or asyncio.get_running_loop().time() < self.away_until:
            raise ConnectionError("The channel layer refused")

    def carry(self, channel: str, message: Message) -> None:
        """One copy of a message on its way to another machine."""
        self.published += 1
        copies = 1
        if self.happens(self.weather.drop):
            self.dropped += 1
            copies = 0
        elif self.happens(self.weather.double):
            self.doubled += 1
            copies = 2
        for _ in range(copies):
            asyncio.get_running_loop().call_later(self.delay(), self._arrive, channel, message)

    def _arrive(self, channel: str, message: Message) -> None:
        queue = self.queues.get(channel)
        if queue is None:  # its machine is gone
            return
        if self.happens(self.weather.deafness):
            self.dropped += queue.qsize() + 1
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait(ConnectionError("The subscription broke"))
        else:
            queue.put_nowait(message)


class Layer:
    """One machine's way to the network: the interface of a Channels layer."""

    def __init__(self, network: Network, machine: str) -> None:
        self._network, self._machine = network, machine
        self.dead = False

    async def new_channel(self, prefix: str = "simulated") -> str:
        await self._network.trip()
        channel = f"{prefix}.{self._machine}!"
        self._network.queues[channel] = asyncio.Queue()
        return channel

    async def send(self, channel: str, message: Message) -> None:
        await self._network.trip()
        if self.dead:
            raise ConnectionError("The machine is gone")
        self._network.queues[channel].put_nowait(message)

    async def receive(self, channel: str) -> Message:
        message = await self._network.queues[channel].get()
        if isinstance(message, Exception):
            raise message
        return message

    async def group_add(self, group: str, channel: str) -> None:
        await self._network.trip()
        self._network.groups.setdefault(group, {})[channel] = None

    async def group_discard(self, group: str, channel: str) -> None:
        await self._network.trip()
        self._network.groups.get(group, {}).pop(channel, None)

    async def group_send(self, group: str, message: Message) -> None:
        await self._network.trip()
        if self.dead:
            raise ConnectionError("The machine is gone")
        for channel in list(self._network.groups.get(group, ())):
            if channel.endswith(f".{self._machine}!"):
                self._network.queues[channel].put_nowait(message)
            else:
                self._network.carry(channel, message)

    def die(self) -> None:
        """The machine is gone: nothing leaves it any more, and nothing reaches it."""
        self.dead = True
        for channels in self._network.groups.values():
            for channel in [channel for channel in channels if channel.endswith(f".{self._machine}!")]:
                del channels[channel]
        for channel in [channel for channel in self._network.queues if channel.endswith(f".{self._machine}!")]:
            del self._network.queues[channel]


class Line:
    """One client's socket: the ASGI `receive` and `send` of the server's end, and what the client does at the other.

    Both ways keep their order. A broken line loses what was under way; the server's end hears of it some time later.
    """

    def __init__(self, network: Network, on_frame: Callable[[str], None], on_close: Callable[[int], None]) -> None:
        self._network, self._on_frame, self._on_close = network, on_frame, on_close
        self._loop = asyncio.get_running_loop()
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._up_at = self._down_at = 0.0
        self._reading = asyncio.Event()
        self._reading.set()
        self.broken = False
        self._lost_from = float("inf")
        self._inbox.put_nowait({"type": "websocket.connect"})

    # --- The server's end ---------------------------------------------------------------------------------------------
    async def receive(self) -> Message:
        return await self._inbox.get()

    async def send(self, message: Message) -> None:
        await self._reading.wait()
        if self.broken or message["type"] == "websocket.accept":
            return
        self._down_at = max(self._down_at + 1e-6, self._loop.time() + self._network.delay())
        self._loop.call_at(self._down_at, self._to_client, message)

    # --- The client's end ---------------------------------------------------------------------------------------------
    def say(self, text: str) -> None:
        self._to_server({"type": "websocket.receive", "text": text})

    def stall(self, seconds: float) -> None:
        """Reads nothing for a while, so that the server's `send` blocks."""
        self._reading.clear()
        self._loop.call_later(seconds, self._reading.set)

    def break_off(self, *, heard_after_s: float = 0.0) -> None:
        """The line breaks: half of the time what the client has sent still arrives, what comes is lost."""
        if self.broken:
            return
        if self._network.happens(0.5):
            self._lost_from = self._loop.time()
        self.broken = True
        self._reading.set()
        self._to_server({"type": "websocket.disconnect", "code": 1006}, heard_after_s)
        self._loop.call_soon(self._on_close, 1006)

    def _to_server(self, message: Message, later_s: float = 0.0) -> None:
        self._up_at = max(self._up_at + 1e-6, self._loop.time() + later_s + self._network.delay())
        self._loop.call_at(self._up_at, self._arrive, message)

    def _arrive(self, message: Message) -> None:
        if self._loop.time() < self._lost_from or message["type"] == "websocket.disconnect":
            self._inbox.put_nowait(message)

    def _to_client(self, message: Message) -> None:
        if self.broken:
            return
        if message["type"] == "websocket.close":
            self.broken = True
            self._to_server({"type": "websocket.disconnect", "code": message["code"]})
            self._on_close(message["code"])
        else:
            self._on_frame(message["text"])
