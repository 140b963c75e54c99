"""People who talk all the time through several processes, and the account of what became of every message."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import count
from typing import Self

from tests.support.client import Frame
from tests.support.durable import DurableClient
from tests.support.machine import eventually
from tests.support.servers import Database, ServerProcess

PAUSE_S = 0.05  # of each person, between an acknowledgement and the next message
Row = tuple[str, int, int, str]  # room, changed seq, message id, client id


@dataclass(frozen=True, slots=True)
class Counts:
    """`lost`, `doubled` and `out_of_order` have to be 0: in the database, and in what every member was shown."""

    sent: int
    acknowledged: int
    stored: int
    lost: int
    doubled: int
    out_of_order: int

    def check(self) -> Self:
        """Raises AssertionError unless every acknowledged message is stored and shown once, in its order."""
        print(f"\n{asdict(self)}")  # noqa: T201 - the numbers are what one wants to see of such a test
        assert self.acknowledged > 0
        assert (self.lost, self.doubled, self.out_of_order) == (0, 0, 0)
        return self


class Traffic:
    """One DurableClient for each person; each is in every room, sends to them in turn, and reads all."""

    def __init__(self, clients: list[DurableClient], rooms: Sequence[str]) -> None:
        self.clients, self.rooms = clients, rooms
        self.sent = 0
        self.acks: list[Frame] = []
        self._talking = True
        self._talks: list[asyncio.Task[None]] = []

    @classmethod
    @asynccontextmanager
    async def of(
        cls, servers: Sequence[ServerProcess], *, people: int = 6, rooms: Sequence[str] = ("hall", "yard")
    ) -> AsyncIterator[Self]:
        """People spread over the servers; each knows the other servers too."""
        async with AsyncExitStack() as stack:
            clients = []
            for number in range(people):
                first = number % len(servers)
                urls = [server.ws_url for server in (*servers[first:], *servers[:first])]
                token = servers[0].person(f"person-{number}").token
                clients.append(await stack.enter_async_context(DurableClient(urls, token)))
            for client in clients:
                for room in rooms:
                    await client.join(room)
            traffic = cls(clients, rooms)
            traffic._talks = [asyncio.create_task(traffic._talk(client)) for client in clients]
            try:
                yield traffic
            finally:
                for talk in traffic._talks:
                    talk.cancel()
                await asyncio.gather(*traffic._talks, return_exceptions=True)

    async def _talk(self, client: DurableClient) -> None:
        for number in count():
            if not self._talking:
                return
            self.sent += 1
            room = self.rooms[number % len(self.rooms)]
            self.acks.append(await client.send(room, f"number {number}"))
            await asyncio.sleep(PAUSE_S)

    async def acknowledged(self, more: int, *, within: float = 20.0) -> None:
        """Waits until so many more messages than now have been acknowledged."""
        goal = len(self.acks) + more
        await eventually(lambda: len(self.acks) >= goal, within=within, what=f"{more} more acknowledgements")

    async def end(self, database: Database, *, within: float = 20.0) -> Counts:
        """Everybody stops talking once their last message is acknowledged, and all have been shown all."""
        self._talking = False
        async with asyncio.timeout(within):
            await asyncio.gather(*self._talks)
        rows = database.run(_stored, self.rooms)
        heads = {room: max((seq for name, seq, _, _ in rows if name == room), default=0) for room in self.rooms}
        await eventually(lambda: all(client.seqs == heads for client in self.clients), within=within, what=f"{heads}")
        return self._counts(rows)

    def _counts(self, rows: list[Row]) -> Counts:
        stored = {(room, seq): message_id for room, seq, message_id, _ in rows}
        lost = sum(stored.get((ack["roomId"], ack["seq"])) != int(ack["messageId"]) for ack in self.acks)
        doubled = sum(Counter(client_id for *_, client_id in rows).values()) - len({row[3] for row in rows})
        late = 0
        for client in self.clients:
            shown = {(room, frame["changedSeq"]) for room, log in client.log.items() for frame in log}
            lost += len(stored.keys() - shown)
            again = sum((frame["roomId"], frame["changedSeq"]) in shown for frame in client.stale)
            doubled += again
            late += len(client.stale) - again
        return Counts(self.sent, len(self.acks), len(rows), lost, doubled, late + self._misplaced(rows))

    def _misplaced(self, rows: list[Row]) -> int:
        """Seqs with a hole before them, and messages that come before an earlier one of the same person."""
        seqs = {room: sorted(seq for name, seq, _, _ in rows if name == room) for room in self.rooms}
        holes = sum(found != list(range(1, len(found) + 1)) for found in seqs.values())
        return holes + sum(_turned(log) for client in self.clients for log in client.log.values())


def _turned(log: list[Frame]) -> int:
    """How many messages of a room come after a later one of their author."""
    latest: dict[str, int] = {}
    turned = 0
    for frame in log:
        author, number = frame["user"]["id"], int(frame["content"].removeprefix("number "))
        turned += number <= latest.get(author, -1)
        latest[author] = max(number, latest.get(author, -1))
    return turned


def _stored(rooms: Sequence[str]) -> list[Row]:
    from django.db import connection

    from rooms.models import Message

    connection.close()  # the server it led to may have been killed
    rows = Message.objects.filter(room__name__in=rooms).order_by("room", "changed_seq")
    return list(rows.values_list("room__name", "changed_seq", "pk", "client_id"))
