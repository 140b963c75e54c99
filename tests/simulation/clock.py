"""Time that costs none: an event loop whose clock jumps to the next timer, and which opens no socket and no thread."""

import asyncio
import selectors


class _Jumps(selectors.SelectSelector):
    """Where the loop would sleep, its clock moves on instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("The simulation stands still: nothing is ready, and no timer is set")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumps = _Jumps()
        super().__init__(self._jumps)

    def time(self) -> float:
        return self._jumps.now

    def sleep(self, seconds: float) -> None:
        """The whole machine, and with it the world, stands still for so long."""
        self._jumps.now += seconds

    def _write_to_self(self) -> None:
        """Nobody outside this thread has to wake the loop."""


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()
