"""Rows that workers share in a folder: who lives, what the dead leave, and what is added up."""

import os
from pathlib import Path
from typing import Any

import pytest

from monitoring.metrics import Instruments
from monitoring.workers import OwnRow, Row, SharedRows
from tests.monitoring.test_metrics import Clock


def numbers(rows: list[Row]) -> list[list[float]]:
    return [list(row.cells) for row in rows]


def die(rows: Any) -> None:
    """As the system does for a process that has ended."""
    rows.own.release()
    rows._map.close()


def test_a_process_alone_has_its_own_row() -> None:
    rows = OwnRow(2)
    rows.own[1] += 3
    assert (numbers(rows.living()), rows.dead()) == ([[0, 3]], [])
    assert rows.living()[0].pid == os.getpid()


def test_all_see_what_each_has_counted_at_once(tmp_path: Path) -> None:
    one, two = SharedRows(tmp_path, 2), SharedRows(tmp_path, 2)
    one.own[0] += 1
    two.own[1] += 2.5
    for rows in (one, two):
        assert sorted(numbers(rows.living())) == [[0, 2.5], [1, 0]]
        assert rows.dead() == []
    one.own[0] += 1
    assert sorted(numbers(two.living())) == [[0, 2.5], [2, 0]]


def test_what_a_dead_process_has_counted_stays_and_is_known_for_dead(tmp_path: Path) -> None:
    one, two = SharedRows(tmp_path, 1), SharedRows(tmp_path, 1)
    two.own[0] = 7
    die(two)
    assert (numbers(one.living()), numbers(one.dead())) == ([[0]], [[7]])


def test_a_file_that_is_only_being_made_is_no_row(tmp_path: Path) -> None:
    rows = SharedRows(tmp_path, 1)
    (tmp_path / "7-new.row").touch()
    assert (len(rows.living()), rows.dead()) == (1, [])


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_counts_and_gauges_of_workers_are_added_up_whichever_answers(tmp_path: Path, clock: Clock) -> None:
    one = Instruments(clock=clock, folder=str(tmp_path))
    clock.now += 10
    two = Instruments(clock=clock, folder=str(tmp_path))
    clock.now += 10
    for worker, commands in ((one, 20), (two, 30)):
        worker.connection_opened()
        worker.rooms_active(2)
        worker.sent(commands)
        for _ in range(commands):
            worker.received()
    for worker in (one, two):
        total = worker.total()
        assert (total["connections"]["active"], total["connections"]["peak"]) == (2, 2)
        assert (total["messages"]["received"], total["messages"]["sent"]) == (50, 50)
        assert (total["messages"]["rate"], total["rooms"], total["uptime"]) == (20 / 20 + 30 / 10, {"active": 4}, 20)
        assert (total["process"], worker.workers()) == (os.getpid(), 2)
        assert "chat_messages_received_total 50.0" in worker.text()
        assert "chat_connections_active 2.0" in worker.text()
    assert two.snapshot()["messages"]["received"] == 30, "of itself alone"
    assert two.last_minute() == (30, 0)


def test_a_dead_workers_counts_are_kept_and_its_gauges_are_not(tmp_path: Path, clock: Clock) -> None:
    one, two = (Instruments(clock=clock, folder=str(tmp_path)) for _ in range(2))
    for _ in range(3):
        two.connection_opened()
        two.received()
    two._cells = two._last_received._cells = None
    die(two._rows)
    total = one.total()
    assert total["messages"]["received"] == 3
    assert total["messages"]["rate"] == 0
    assert (total["connections"]["active"], total["connections"]["peak"], one.workers()) == (0, 0, 1)
    assert total["memory"]["residentBytes"] == pytest.approx(one.snapshot()["memory"]["residentBytes"], rel=0.1)


def test_counts_are_answered_while_a_worker_starts_whose_file_is_still_empty(tmp_path: Path) -> None:
    worker = Instruments(folder=str(tmp_path))
    (tmp_path / "counter_7.db").touch()
    assert "chat_messages_received_total 0.0" in worker.text()


def test_what_the_system_knows_of_each_worker_stands_by_its_number(tmp_path: Path) -> None:
    text = Instruments(folder=str(tmp_path)).text()
    assert f'process_open_fds{{pid="{os.getpid()}"}}' in text
    assert "process_open_fds " in Instruments().text()
