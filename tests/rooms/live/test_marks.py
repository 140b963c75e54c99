"""Marks of one process: gathered, written together, answered each; the writing itself is tested with its service."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from rooms.errors import ChatError, Unavailable
from rooms.live import marks as live_marks
from rooms.live.marks import Marks
from rooms.services.marks import Marked, Wish
from tests.support.machine import eventually


class Presence:
    """Says how many people are in every room."""

    people = 1

    async def counts(self, rooms: set[int]) -> dict[int, int]:
        if self.people < 0:
            raise Unavailable
        return dict.fromkeys(rooms, self.people)


class Written:
    """What is written, instead of its being written."""

    def __init__(self) -> None:
        self.groups: list[list[Wish]] = []
        self.crowded: list[set[int]] = []
        self.error: Exception | None = None

    async def call(self, _function: Callable[..., Any], wishes: list[Wish], *, crowded: set[int]) -> list[Marked]:
        if self.error is not None:
            raise self.error
        self.groups.append(wishes)
        self.crowded.append(crowded)
        return [Marked("lobby", wish.seq, 0) for wish in wishes]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Written:
    settings.CHAT_MARKS_INTERVAL_MS = 3_600_000  # what comes after the first write waits for `flush`
    found = Written()
    monkeypatch.setattr(live_marks.database, "call", found.call)
    return found


@pytest.fixture
async def marks() -> Any:
    tasks: list[asyncio.Task[None]] = []
    presence: Any = Presence()
    found: Any = Marks(presence, lambda work: tasks.append(asyncio.ensure_future(work)))
    found.presence = presence
    yield found
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_first_is_written_at_once_and_a_flood_in_one_row(marks: Any, written: Written) -> None:
    answers: list[Any] = []
    marks.add(Wish(1, 1, 1), answers.append)
    await eventually(lambda: written.groups)
    for seq in (5, 9, 7):
        marks.add(Wish(1, 1, seq), answers.append)
    marks.add(Wish(1, 2, 3))
    assert len(written.groups) == 1
    await marks.flush()
    assert written.groups[1:] == [[Wish(1, 1, 9), Wish(1, 2, 3)]]
    assert [answer.seq for answer in answers] == [1, 9, 9, 9]


async def test_one_users_marks_are_written_without_those_of_others(marks: Any, written: Written) -> None:
    marks.add(Wish(1, 1, 1))
    await eventually(lambda: written.groups)
    marks.add(Wish(1, 1, 2))
    marks.add(Wish(1, 2, 2))
    await marks.flush(2)
    assert written.groups[1:] == [[Wish(1, 2, 2)]]


@pytest.mark.parametrize(("error", "code"), [(Unavailable(), "unavailable"), (ValueError(), "internal")])
async def test_a_failure_answers_and_the_next_mark_is_written(
    marks: Any, written: Written, error: Exception, code: str
) -> None:
    answers: list[ChatError] = []
    written.error = error
    marks.add(Wish(1, 1, 1), answers.append)
    await eventually(lambda: answers)
    assert answers[0].code == code
    written.error = None
    marks.add(Wish(1, 1, 2), answers.append)
    await marks.flush()
    assert written.groups == [[Wish(1, 1, 2)]]


@pytest.mark.parametrize(
    ("people", "limit", "is_crowded"), [(2, 2, False), (3, 2, True), (3, 0, False), (-1, 2, True)], ids=str
)
async def test_rooms_with_many_people_are_crowded(
    marks: Any, written: Written, settings: Any, people: int, limit: int, *, is_crowded: bool
) -> None:
    """Those of whom nobody knows how many there are, too."""
    settings.CHAT_MAX_RECEIPT_MEMBERS, marks.presence.people = limit, people
    marks.add(Wish(1, 1, 1))
    await marks.flush()
    assert written.crowded[0] == ({1} if is_crowded else set())


async def test_many_are_written_by_several_statements(
    marks: Any, written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_marks, "ROWS_AT_ONCE", 2)
    for user_id in range(5):
        marks.add(Wish(1, user_id, 1))
    await marks.flush()
    assert [len(group) for group in written.groups] == [2, 2, 1]
