"""When the whole process sleeps, and for how long. The test has the clocks."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from rooms.delivery import pace as pace_module
from rooms.delivery.pace import CALM_S, TURNS, Pace

LONGEST_S, LONGEST_SPARE_S = 0.02, 0.05


class Clock:
    """`cpu_s` is what the process has used; what sleeps is noted, and takes no time."""

    def __init__(self) -> None:
        self.now, self.cpu_s = 100.0, 7.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace_module, "sleep", clock.sleep)
    monkeypatch.setattr(pace_module, "process_time", lambda: clock.cpu_s)
    return clock


@pytest.fixture
async def pace(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Pace:
    pace = Pace(LONGEST_S, LONGEST_SPARE_S)
    monkeypatch.setattr(pace, "_loop", SimpleNamespace(time=lambda: clock.now))
    return pace


async def turns() -> None:
    for _ in range(2 * TURNS):
        await asyncio.sleep(0)


def spare(seconds: float) -> Callable[[], float]:
    return lambda: seconds


async def test_a_rest_is_four_times_the_work(pace: Pace, clock: Clock) -> None:
    for work_s in (0.001, 0.002):
        clock.cpu_s += work_s
        assert await pace.rest()
    assert clock.slept == [0.004, 0.008]


async def test_who_has_not_worked_does_not_rest(pace: Pace, clock: Clock) -> None:
    assert not await pace.rest()
    assert clock.slept == []


@pytest.mark.parametrize(("work_s", "slept"), [(0.006, [LONGEST_S]), (0.021, []), (1.0, [])])
async def test_a_rest_has_a_bound_and_who_has_no_time_has_none(
    pace: Pace, clock: Clock, work_s: float, slept: list[float]
) -> None:
    clock.cpu_s += work_s
    await pace.rest()
    assert clock.slept == slept


@pytest.mark.parametrize(
    ("others", "work_s", "slept"),
    [("a", 0.001, 0.008), ("ab", 0.001, 0.012), ("a", 0.01, 2 * LONGEST_S), ("abc", 0.01, LONGEST_SPARE_S)],
)
async def test_a_rest_grows_with_the_processes_that_told_something(
    pace: Pace, clock: Clock, others: str, work_s: float, slept: float
) -> None:
    for origin in others * 2:
        pace.heard(origin)
    for _ in range(2):  # in the second step nobody did
        clock.cpu_s += work_s
        await pace.rest()
    assert clock.slept == [slept, min(4 * work_s, LONGEST_S)]


async def test_for_a_while_after_another_process_told_something_it_is_in_a_hurry(pace: Pace, clock: Clock) -> None:
    pace.heard("a")
    clock.cpu_s += 0.001
    await pace.rest()
    await pace.rest(spare(0.09))
    assert clock.slept == [0.008, LONGEST_S]


async def test_while_all_can_wait_it_rests_longer(pace: Pace, clock: Clock) -> None:
    assert await pace.rest(spare(0.03))
    assert await pace.rest(spare(0.09))
    assert clock.slept == [0.03, LONGEST_SPARE_S]


async def test_for_a_while_after_somebody_was_in_a_hurry_it_rests_shortly(pace: Pace, clock: Clock) -> None:
    with pace.serve():
        pass
    await pace.rest(spare(0.09))
    clock.now += CALM_S
    await pace.rest(spare(0.09))
    assert clock.slept == [LONGEST_S, LONGEST_SPARE_S]


async def test_it_does_not_sleep_while_work_is_under_way(pace: Pace, clock: Clock) -> None:
    pace._longest_s = pace._longest_spare_s = 60
    clock.cpu_s += 10
    with pace.work():
        rest = asyncio.ensure_future(pace.rest())
        await turns()
        assert clock.slept == []
        clock.now += 30
    assert await rest
    assert clock.slept == [10], "what was left of it"


async def test_a_rest_is_over_in_time_though_work_goes_on(pace: Pace, clock: Clock) -> None:
    pace._longest_s = pace._longest_spare_s = 0.5
    clock.cpu_s += 0.1
    with pace.work():
        rest = asyncio.ensure_future(pace.rest())
        await turns()
        clock.now += 0.4
        assert await rest
    assert clock.slept == []


async def test_what_was_to_be_written_is_written_before(pace: Pace, clock: Clock) -> None:
    clock.cpu_s += 0.001
    asyncio.get_running_loop().call_soon(lambda: clock.slept.append(0))
    await pace.rest()
    assert clock.slept == [0, 0.004]


async def test_without_a_bound_it_never_sleeps(clock: Clock) -> None:
    pace = Pace(0.0, LONGEST_SPARE_S)
    clock.cpu_s += 0.001
    assert not await pace.rest(spare(1.0))
    assert clock.slept == []


async def test_many_who_ask_for_a_rest_get_one_after_their_work(pace: Pace, clock: Clock) -> None:
    clock.cpu_s += 0.001
    for _ in range(3):
        pace.rest_soon()
        await asyncio.sleep(0)
        assert clock.slept == []
    await turns()
    assert clock.slept == [0.004]
    clock.cpu_s += 0.001
    pace.rest_soon()
    await turns()
    assert clock.slept == [0.004, 0.004]
