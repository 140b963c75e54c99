"""Whatever breaks between processes and on the way to clients: in the end everybody knows what the database knows.

Each run is a world of its own, made from a seed, in which no real time passes. SIMULATION_SEED is the first seed and
SIMULATION_RUNS the number of runs; `make soak` takes seeds that nobody has seen.
"""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.world import World

FIRST_SEED = int(os.environ.get("SIMULATION_SEED", "1"))
RUNS = int(os.environ.get("SIMULATION_RUNS", "12"))
DROPS = 100  # messages lost between machines, in each run
pytestmark = pytest.mark.timeout(300)  # real seconds say nothing here, but how busy the machine is
SHOWN_FAULTS, SHOWN_LINES = 10, 60


@pytest.fixture
def world(_sqlite_template: Path, tmp_path: Path, django_db_blocker: Any) -> Iterator[Callable[[int], World]]:
    """Makes worlds, each with an empty database of its own."""
    numbers = itertools.count()

    def make(seed: int) -> World:
        path = shutil.copyfile(_sqlite_template, tmp_path / f"{next(numbers)}.sqlite3")
        return World(seed, f"sqlite:///{path}")

    with django_db_blocker.unblock():
        yield make


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + RUNS))
def test_in_the_end_everybody_knows_what_the_database_knows(
    seed: int, world: Callable[[int], World], record_property: Callable[[str, Any], None]
) -> None:
    lived = world(seed)
    lived.run(DROPS)
    record_property("simulation", lived.counts())
    assert not lived.faults, "\n".join(
        [
            *lived.faults[:SHOWN_FAULTS],
            f"Replay this run: SIMULATION_SEED={seed} SIMULATION_RUNS=1 pytest -n0 tests/simulation",
            "It ended with:",
            *lived.trace[-SHOWN_LINES:],
        ]
    )
    assert lived.network.dropped >= DROPS


def test_the_same_seed_is_the_same_run(world: Callable[[int], World]) -> None:
    first, second = world(FIRST_SEED), world(FIRST_SEED)
    first.run(DROPS)
    second.run(DROPS)
    assert len(first.trace) > 1_000
    assert first.trace == second.trace
