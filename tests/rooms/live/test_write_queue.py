"""The queue of messages waiting to be stored: batches, answers, and one bad item that costs the others nothing."""

import asyncio

import pytest

from chatsite.errors import ChatError, Internal, Muted, Unavailable
from rooms.delivery import journal as journal_module
from rooms.delivery import pace as pace_module
from rooms.delivery.journal import Held, Journal
from rooms.delivery.pace import Pace
from tests.support.machine import eventually


class Storage:
    """Stores texts in upper case, batch by batch; it can be held up, and it breaks at `poison`."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.error: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.running = 0

    async def store(self, texts: list[str]) -> list[str | ChatError]:
        self.batches.append(texts)
        self.running += 1
        assert self.running == 1, "one transaction at a time"
        try:
            await self.open.wait()
        finally:
            self.running -= 1
        if self.error is not None:
            raise self.error
        if "poison" in texts:
            raise ValueError("poison")
        return [Muted() if text == "muted" else text.upper() for text in texts]


@pytest.fixture
async def storage() -> Storage:
    return Storage()


@pytest.fixture
async def answers() -> list[str]:
    return []


@pytest.fixture
async def journal(storage: Storage) -> Journal[str, str]:
    return Journal(storage.store, capacity=1_000)


def submit(journal: Journal[str, str], answers: list[str], *texts: str) -> None:
    for text in texts:
        journal.submit(text, lambda answer: answers.append(answer.code if isinstance(answer, ChatError) else answer))


async def test_an_item_is_answered_after_it_is_stored(
    journal: Journal[str, str], storage: Storage, answers: list[str]
) -> None:
    storage.open.clear()
    submit(journal, answers, "a")
    await eventually(lambda: storage.batches)
    assert answers == []
    storage.open.set()
    await journal.flush()
    assert answers == ["A"]


async def test_the_next_batch_gathers_while_one_is_stored(
    journal: Journal[str, str], storage: Storage, answers: list[str]
) -> None:
    storage.open.clear()
    submit(journal, answers, "a")
    await eventually(lambda: storage.batches)
    submit(journal, answers, "b", "c", "d")
    storage.open.set()
    await journal.flush()
    assert storage.batches == [["a"], ["b", "c", "d"]]
    assert answers == ["A", "B", "C", "D"]


async def test_a_batch_has_its_bound(
    journal: Journal[str, str], storage: Storage, answers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "BATCH", 2)
    submit(journal, answers, *"abcde")
    await journal.flush()
    assert storage.batches == [["a", "b"], ["c", "d"], ["e"]]
    assert answers == list("ABCDE")


async def test_an_idle_journal_starts_again(journal: Journal[str, str], answers: list[str]) -> None:
    for text in ("a", "b"):
        submit(journal, answers, text)
        await journal.flush()
    assert answers == ["A", "B"]


async def test_what_is_refused_is_told_its_sender_alone(journal: Journal[str, str], answers: list[str]) -> None:
    submit(journal, answers, "a", "muted", "b")
    await journal.flush()
    assert answers == ["A", "muted", "B"]


async def test_a_full_journal_refuses_and_goes_on(storage: Storage, answers: list[str]) -> None:
    journal = Journal(storage.store, capacity=2)
    submit(journal, answers, "a", "b")
    with pytest.raises(Unavailable) as refused:
        submit(journal, answers, "c")
    assert refused.value.retryable
    assert refused.value.retry_after_ms
    await journal.flush()
    submit(journal, answers, "d")
    await journal.flush()
    assert answers == ["A", "B", "D"]


async def test_a_failing_item_harms_no_other(journal: Journal[str, str], storage: Storage, answers: list[str]) -> None:
    submit(journal, answers, "a", "poison", "b")
    await journal.flush()
    assert answers == ["A", Internal.code, "B"]
    assert storage.batches == [["a", "poison", "b"], ["a"], ["poison"], ["b"]]
    submit(journal, answers, "c")
    await journal.flush()
    assert answers[-1] == "C"


async def test_a_lost_database_is_told_to_all_without_trying_each(
    journal: Journal[str, str], storage: Storage, answers: list[str]
) -> None:
    storage.error = Unavailable()
    submit(journal, answers, "a", "b", "c")
    await journal.flush()
    assert answers == [Unavailable.code] * 3
    assert len(storage.batches) == 1
    storage.error = None
    submit(journal, answers, "d")
    await journal.flush()
    assert answers[-1] == "D"


async def test_flush_waits_for_what_comes_while_it_waits(
    journal: Journal[str, str], storage: Storage, answers: list[str]
) -> None:
    storage.open.clear()
    submit(journal, answers, "a")
    flush = asyncio.ensure_future(journal.flush())
    await eventually(lambda: storage.batches)
    submit(journal, answers, "b")
    storage.open.set()
    await flush
    assert answers == ["A", "B"]


async def test_a_flush_that_is_given_up_stops_no_storing(
    journal: Journal[str, str], storage: Storage, answers: list[str]
) -> None:
    storage.open.clear()
    submit(journal, answers, "a")
    flush = asyncio.ensure_future(journal.flush())
    await eventually(lambda: storage.batches)
    flush.cancel()
    await asyncio.gather(flush, return_exceptions=True)
    storage.open.set()
    await eventually(lambda: answers)
    assert answers == ["A"]


async def test_who_can_wait_waits_for_others(journal: Journal[str, str], storage: Storage, answers: list[str]) -> None:
    start = asyncio.get_running_loop().time()
    for text in "abc":
        journal.submit(text, answers.append, patience_s=0.05)
        await asyncio.sleep(0)
    await eventually(lambda: answers)
    assert storage.batches == [["a", "b", "c"]]
    assert asyncio.get_running_loop().time() - start >= 0.05


async def test_the_loop_rests_while_all_can_wait(storage: Storage, answers: list[str]) -> None:
    start_s, journal = asyncio.get_running_loop().time(), Journal(storage.store, capacity=10, pace=Pace(0.02, 0.05))
    for text in "abc":
        journal.submit(text, answers.append, patience_s=60)
    await asyncio.sleep(0.01)
    assert asyncio.get_running_loop().time() - start_s >= 0.05, "nothing else ran meanwhile"
    assert storage.batches == []
    await journal.flush()
    assert storage.batches == [["a", "b", "c"]]


@pytest.mark.parametrize("patience_s", [0.0, 0.01])
async def test_who_cannot_wait_takes_along_those_who_can(
    journal: Journal[str, str], storage: Storage, answers: list[str], patience_s: float
) -> None:
    journal.submit("a", answers.append, patience_s=60)
    await asyncio.sleep(0)
    journal.submit("b", answers.append, patience_s=patience_s)
    await eventually(lambda: answers)
    assert storage.batches == [["a", "b"]]


async def test_enough_of_one_lane_do_not_wait_for_more(storage: Storage, answers: list[str]) -> None:
    journal = Journal(storage.store, capacity=10, lane=lambda text: text[0])
    for text in ("a1", "b1", "b2", "a2", "a3"):
        assert storage.batches == []
        journal.submit(text, answers.append, patience_s=60, enough=3)
        await asyncio.sleep(0)
    await eventually(lambda: answers)
    assert storage.batches == [["a1", "b1", "b2", "a2", "a3"]]


async def test_what_is_beyond_enough_waits_for_the_next(
    journal: Journal[str, str], storage: Storage, answers: list[str]
) -> None:
    for text in "abcdefg":
        journal.submit(text, answers.append, patience_s=0.05, enough=3)
    await eventually(lambda: len(answers) == 6)
    assert storage.batches == [["a", "b", "c"], ["d", "e", "f"]]
    journal.submit("h", answers.append, patience_s=0.05, enough=3)
    await eventually(lambda: len(answers) == 8)
    assert storage.batches[2:] == [["g", "h"]]


async def test_what_cannot_wait_is_never_too_many(
    journal: Journal[str, str], storage: Storage, answers: list[str]
) -> None:
    for text in "abcde":
        journal.submit(text, answers.append, enough=3)
    await eventually(lambda: answers)
    assert storage.batches == [["a", "b", "c", "d", "e"]]


async def test_a_flush_lets_nothing_wait(journal: Journal[str, str], answers: list[str]) -> None:
    for text in "abc":
        journal.submit(text, answers.append, patience_s=60, enough=2)
    await asyncio.sleep(0)
    await journal.flush()
    assert answers == ["A", "B", "C"]


async def test_what_comes_while_the_journal_rests_is_stored_together(
    storage: Storage, answers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace_module, "REST", 1e9)
    pace = Pace(0.3)
    journal = Journal(storage.store, capacity=10, pace=pace)
    with pace.work():  # or the loop itself would sleep, and nothing could come
        submit(journal, answers, "a")
        await eventually(lambda: answers)
        for text in "bcd":
            submit(journal, answers, text)
            await asyncio.sleep(0)
        assert storage.batches == [["a"]]
        await eventually(lambda: len(answers) == 4)
    assert storage.batches == [["a"], ["b", "c", "d"]]


async def test_flushing_an_idle_journal_returns_at_once(journal: Journal[str, str], storage: Storage) -> None:
    await journal.flush()
    assert storage.batches == []


async def test_an_answer_that_cannot_be_given_harms_no_other(journal: Journal[str, str], answers: list[str]) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("the socket broke in an unheard-of way")

    journal.submit("a", broken)
    submit(journal, answers, "b")
    await journal.flush()
    assert answers == ["B"]


async def test_what_is_held_waits_apart_in_its_order_and_delays_nothing_else(storage: Storage) -> None:
    """Texts go by lanes of their first letter; that of `h` is held until somebody lets go."""
    free, answers = asyncio.Event(), []

    async def store(texts: list[str]) -> list[str | ChatError]:
        return [Held() if text[0] == "h" else text.upper() for text in texts]

    async def store_held(texts: list[str]) -> list[str | ChatError]:
        await free.wait()
        return await storage.store(texts)

    journal = Journal(store, capacity=4, lane=lambda text: text[0], store_held=store_held)
    submit(journal, answers, "h1", "a1", "h2")
    await eventually(lambda: answers == ["A1"])
    submit(journal, answers, "h3", "a2")
    await eventually(lambda: answers == ["A1", "A2"])
    submit(journal, answers, "a3")
    with pytest.raises(Unavailable):
        submit(journal, answers, "one too many")
    free.set()
    await journal.flush()
    assert [text for text in answers if text[0] == "H"] == ["H1", "H2", "H3"]
    assert sorted(answers) == ["A1", "A2", "A3", "H1", "H2", "H3"]
    assert not journal._held
