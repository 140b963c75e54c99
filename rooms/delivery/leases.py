"""Which processes have died: those whose lease was seen unchanged for as long as it lasts.

Measured by this process's own monotonic clock alone, so no clock that is set, of Redis or of another machine, keeps a
dead process or ends a living one.
"""

import uuid
from collections.abc import Callable, Mapping


def new_process(lease_s: float) -> str:
    """A unique name for a process; it carries the lease, which need not be the same for all."""
    return f"{uuid.uuid4().hex}-{int(lease_s * 1000)}"


def lease_s(process: str) -> float:
    return int(process.rpartition("-")[2]) / 1000


class Leases:
    def __init__(self, process: str, clock: Callable[[], float]) -> None:
        self._process, self._clock = process, clock
        self._seen: dict[str, tuple[str, float]] = {}  # process → its lease's count, and since when it is that
        self._looked_at = clock()

    def forget(self) -> None:
        """Nobody could renew, or nothing was seen: everybody has a whole lease from the next look on."""
        self._seen.clear()

    def expired(self, counts: Mapping[str, str]) -> list[str]:
        """The processes whose lease has expired, given the present count of each lease."""
        now = self._clock()
        if now - self._looked_at > lease_s(self._process):  # this process was frozen, and maybe all of them were
            self.forget()
        self._looked_at = now
        self._seen = {
            process: seen if (seen := self._seen.get(process)) and seen[0] == count else (count, now)
            for process, count in counts.items()
            if process != self._process
        }
        return [process for process, (_, since) in self._seen.items() if now - since >= lease_s(process)]
