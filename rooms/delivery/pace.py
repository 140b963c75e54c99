"""How often the event loop looks at its sockets: after its work it rests, and a busy process works in larger steps.

A message that wakes a sleeping process finds cold caches and costs 250 us before it is stored; of four that are read
together each costs 100 us. And what they cause is stored in one commit and written together.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import process_time, sleep

# So many times the CPU of the work before it lasts a rest: a process that has little to do answers at once, and a busy
# one works in larger steps long before it has no more to give. In a room of 200 with 200 messages a second this and one
# write for what comes together: 19 -> 5.5 us a delivery, and 3 -> 14 ms of delay.
REST = 4.0
TURNS = 4  # of the loop, before a rest: a new connection is accepted, read, and has its handler started
CALM_S = 1.0  # so long after somebody was in a hurry another one is expected


class Pace:
    def __init__(self, longest_s: float = 0.0, longest_spare_s: float = 0.0) -> None:
        """`longest_s` bounds a rest; after work that took as much CPU there is none, for there is no time for it.

        `longest_spare_s` takes its place while nobody is in a hurry, and all that waits can wait; and it is never more,
        however many processes work for the same people.
        """
        self._longest_s, self._longest_spare_s = longest_s, max(longest_s, longest_spare_s) if longest_s else 0.0
        self._loop = asyncio.get_running_loop()
        self._cpu_s = process_time()
        self._hurried_at = -CALM_S
        self._heard: set[str] = set()
        self._under_way = 0
        self._soon: asyncio.Task[bool] | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    def hurry(self) -> None:
        """Something came that did not want to wait."""
        self._hurried_at = self._loop.time()

    def heard(self, origin: str) -> None:
        """Another process told something in this step: two rest twice as long, and make as many steps as one would.

        Each step has a commit, and a message that all the others read. Two processes, a room of 400: 10.3 -> 6.3 us a
        delivery, where one takes 5.8; and 24 -> 41 ms of delay.
        """
        self.hurry()
        self._heard.add(origin)

    @contextmanager
    def work(self) -> Iterator[None]:
        """What takes several turns of the loop is under way: no rest before its end."""
        self._under_way += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    @contextmanager
    def serve(self) -> Iterator[None]:
        """The same, and somebody waits for it."""
        self.hurry()
        with self.work():
            yield

    def rest_soon(self) -> None:
        """Rests beside whoever asks for it, when all that is ready now has had its turn."""
        if self._soon is None:
            self._soon = asyncio.ensure_future(self.rest())
            self._soon.add_done_callback(self._has_rested)

    def _has_rested(self, _: object) -> None:
        self._soon = None

    async def rest(self, spare_s: Callable[[], float] = float) -> bool:
        """Rests as long as the work since the last rest allows, or for as long as nobody needs what waits: `spare_s`.

        False when it is no time to rest.
        """
        for _ in range(TURNS):
            await asyncio.sleep(0)
        now, cpu_s, spare = self._loop.time(), process_time() - self._cpu_s, spare_s()
        processes = 1 + len(self._heard)
        calm = spare > 0 and now - self._hurried_at > CALM_S
        longest_s = self._longest_spare_s if calm else min(processes * self._longest_s, self._longest_spare_s)
        end = now + (min(max(processes * REST * cpu_s, spare), longest_s) if cpu_s < longest_s else 0.0)
        if now < end and self._under_way:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), end - now)
        if (left := end - self._loop.time()) > 0:
            # The whole process sleeps, and that is the point: asyncio.sleep would be woken by every message.
            sleep(left)  # noqa: ASYNC251
            await asyncio.sleep(0)
        self._cpu_s = process_time()
        self._heard.clear()
        return now < end
