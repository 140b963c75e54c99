"""The node sweeps files, all steps of it, off the event loop."""

import threading
from collections.abc import Iterator

import pytest

from rooms.live import sweeper
from rooms.services import sweeping


async def test_a_tick_takes_every_step_on_threads_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []

    def sweep() -> Iterator[int]:
        for number in (2, 0, 1):  # a step may delete nothing, and the next one follows
            steps.append((number, threading.current_thread() is threading.main_thread()))
            yield number

    monkeypatch.setattr(sweeping, "sweep", sweep)
    await sweeper.tick()
    assert steps == [(2, False), (0, False), (1, False)]
