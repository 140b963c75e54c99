"""The queue of messages waiting to be stored: batches, limits, and one bad item that costs the others nothing."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from rooms.errors import ChatError, Internal, Muted, Unavailable
from rooms.live import write_queue as write_queue_module
from rooms.live.write_queue import Held, WriteQueue
from tests.support.machine import eventually

Outcome = list[str | ChatError] | Exception
Done = Callable[[Any], None]


class Storage:
    """Stores texts in upper case, batch by batch; it can be blocked, and it breaks at `poison`."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.error: Exception | None = None
        self.blocked = False
        self._under_way: Callable[[], None] | None = None

    def store(self, texts: list[str], done: Done) -> None:
        assert self._under_way is None, "one transaction at a time"
        self.batches.append(texts)
        self._under_way = lambda: done(self._outcome(texts))
        if not self.blocked:
            asyncio.get_running_loop().call_soon(self._commit)

    def unblock(self) -> None:
        self.blocked = False
        self._commit()

    def _commit(self) -> None:
        commit, self._under_way = self._under_way, None
        assert commit is not None
        commit()

    def _outcome(self, texts: list[str]) -> Outcome:
        if self.error is not None:
            return self.error
        if "poison" in texts:
            return ValueError("poison")
        return [Muted() if text == "muted" else text.upper() for text in texts]


@pytest.fixture
async def storage() -> Storage:
    return Storage()


@pytest.fixture
async def answers() -> list[str]:
    return []


@pytest.fixture
async def queue(storage: Storage) -> WriteQueue[str, str]:
    return WriteQueue(storage.store, capacity=1_000)


def submit(queue: WriteQueue[str, str], answers: list[str], *texts: str) -> None:
    for text in texts:
        queue.submit(text, lambda answer: answers.append(answer.code if isinstance(answer, ChatError) else answer))


# --- Batches ----------------------------------------------------------------------------------------------------------
async def test_an_item_is_answered_after_it_is_stored(
    queue: WriteQueue[str, str], storage: Storage, answers: list[str]
) -> None:
    storage.blocked = True
    submit(queue, answers, "a")
    await eventually(lambda: storage.batches)
    assert answers == []
    storage.unblock()
    assert answers == ["A"]


async def test_a_single_item_is_stored_at_the_end_of_the_loops_turn(
    queue: WriteQueue[str, str], storage: Storage, answers: list[str]
) -> None:
    submit(queue, answers, "a")
    assert storage.batches == []
    await asyncio.sleep(0)
    assert storage.batches == [["a"]]


async def test_what_is_submitted_in_one_turn_of_the_loop_is_one_batch(
    queue: WriteQueue[str, str], storage: Storage, answers: list[str]
) -> None:
    submit(queue, answers, "a", "b", "c")
    await queue.flush()
    assert storage.batches == [["a", "b", "c"]]
    assert answers == ["A", "B", "C"]


async def test_the_next_batch_gathers_while_one_is_stored(
    queue: WriteQueue[str, str], storage: Storage, answers: list[str]
) -> None:
    storage.blocked = True
    submit(queue, answers, "a")
    await eventually(lambda: storage.batches)
    for text in "bcd":
        submit(queue, answers, text)
        await asyncio.sleep(0)
    storage.unblock()
    await queue.flush()
    assert storage.batches == [["a"], ["b", "c", "d"]]
    assert answers == ["A", "B", "C", "D"]


async def test_a_batch_has_its_bound(
    queue: WriteQueue[str, str], storage: Storage, answers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_queue_module, "BATCH", 2)
    submit(queue, answers, *"abcde")
    await queue.flush()
    assert storage.batches == [["a", "b"], ["c", "d"], ["e"]]
    assert answers == list("ABCDE")


async def test_an_idle_queue_starts_again(queue: WriteQueue[str, str], storage: Storage, answers: list[str]) -> None:
    for text in "abc":
        submit(queue, answers, text)
        await queue.flush()
    assert storage.batches == [["a"], ["b"], ["c"]]
    assert answers == ["A", "B", "C"]


async def test_an_answer_may_submit_the_next_item(
    queue: WriteQueue[str, str], storage: Storage, answers: list[str]
) -> None:
    queue.submit("a", lambda _: submit(queue, answers, "b"))
    await queue.flush()
    assert answers == ["B"]


# --- Limits -----------------------------------------------------------------------------------------------------------
async def test_a_full_queue_refuses_and_goes_on(storage: Storage, answers: list[str]) -> None:
    queue = WriteQueue(storage.store, capacity=2)
    submit(queue, answers, "a", "b")
    with pytest.raises(Unavailable) as refused:
        submit(queue, answers, "c")
    assert refused.value.retryable
    assert refused.value.retry_after_ms
    await queue.flush()
    submit(queue, answers, "d")
    await queue.flush()
    assert answers == ["A", "B", "D"]


async def test_what_is_being_stored_counts_towards_the_capacity(storage: Storage, answers: list[str]) -> None:
    queue = WriteQueue(storage.store, capacity=2)
    storage.blocked = True
    submit(queue, answers, "a", "b")
    await eventually(lambda: storage.batches)
    with pytest.raises(Unavailable):
        submit(queue, answers, "c")
    storage.unblock()
    await queue.flush()


async def test_only_the_owner_whose_share_is_full_is_refused(storage: Storage, answers: list[str]) -> None:
    queue = WriteQueue(storage.store, capacity=10, share=2, owner=lambda text: text[0])
    submit(queue, answers, "f1", "f2")
    for _ in range(3):
        with pytest.raises(Unavailable):
            submit(queue, answers, "f3")
    submit(queue, answers, "a1", "b1", "a2")
    await queue.flush()
    assert answers == ["F1", "F2", "A1", "B1", "A2"]
    submit(queue, answers, "f4", "f5")
    with pytest.raises(Unavailable):
        submit(queue, answers, "f6")
    await queue.flush()
    assert answers[5:] == ["F4", "F5"]


async def test_a_share_is_free_again_after_a_refusal_or_a_failure(storage: Storage, answers: list[str]) -> None:
    queue = WriteQueue(storage.store, capacity=10, share=1, owner=lambda text: text[0])
    for text in ("muted", "poison", "m", "p"):
        submit(queue, answers, text)
        await queue.flush()
    assert answers == ["muted", Internal.code, "M", "P"]
    assert not queue._owned, "nothing is kept of an owner without items"


async def test_a_share_of_zero_is_no_limit(storage: Storage, answers: list[str]) -> None:
    queue = WriteQueue(storage.store, capacity=10, share=0, owner=lambda text: text[0])
    submit(queue, answers, *["f"] * 10)
    await queue.flush()
    assert answers == ["F"] * 10


# --- Refusals and failures --------------------------------------------------------------------------------------------
async def test_a_refusal_answers_its_sender_alone(queue: WriteQueue[str, str], answers: list[str]) -> None:
    submit(queue, answers, "a", "muted", "b")
    await queue.flush()
    assert answers == ["A", "muted", "B"]


@pytest.mark.parametrize("texts", [["a", "poison"], ["poison", "a"], ["a", "poison", "b"]])
async def test_a_failing_item_harms_no_other(
    queue: WriteQueue[str, str], storage: Storage, answers: list[str], texts: list[str]
) -> None:
    submit(queue, answers, *texts)
    await queue.flush()
    assert answers == [Internal.code if text == "poison" else text.upper() for text in texts]
    assert storage.batches == [texts, *([text] for text in texts)]
    submit(queue, answers, "c")
    await queue.flush()
    assert answers[-1] == "C"


async def test_a_lost_database_refuses_all_without_trying_each(
    queue: WriteQueue[str, str], storage: Storage, answers: list[str]
) -> None:
    storage.error = Unavailable()
    submit(queue, answers, "a", "b", "c")
    await queue.flush()
    assert answers == [Unavailable.code] * 3
    assert len(storage.batches) == 1
    storage.error = None
    submit(queue, answers, "d")
    await queue.flush()
    assert answers[-1] == "D"


async def test_a_reply_that_fails_harms_no_other(queue: WriteQueue[str, str], answers: list[str]) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("the socket broke in an unheard-of way")

    queue.submit("a", broken)
    submit(queue, answers, "b")
    await queue.flush()
    assert answers == ["B"]


# --- What is stored is broadcast --------------------------------------------------------------------------------------
async def test_each_commit_is_broadcast_before_anybody_is_answered(storage: Storage, answers: list[str]) -> None:
    events: list[Any] = []
    queue = WriteQueue(storage.store, capacity=10, on_stored=lambda stored: events.append((stored, list(answers))))
    submit(queue, answers, "a", "b")
    await queue.flush()
    submit(queue, answers, "poison")
    await queue.flush()
    assert events == [(["A", "B"], [])], "and a failure is not broadcast"


async def test_a_broadcast_that_fails_stops_no_storing(storage: Storage, answers: list[str]) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a socket broke in an unheard-of way")

    queue = WriteQueue(storage.store, capacity=10, on_stored=broken)
    for text in "ab":
        submit(queue, answers, text)
        async with asyncio.timeout(5):
            await queue.flush()
    assert answers == ["A", "B"]


# --- Flushing ---------------------------------------------------------------------------------------------------------
async def test_flush_waits_for_what_is_submitted_meanwhile(
    queue: WriteQueue[str, str], storage: Storage, answers: list[str]
) -> None:
    storage.blocked = True
    submit(queue, answers, "a")
    flush = asyncio.ensure_future(queue.flush())
    await eventually(lambda: storage.batches)
    submit(queue, answers, "b")
    storage.unblock()
    await flush
    assert answers == ["A", "B"]


async def test_a_cancelled_flush_stops_no_storing(
    queue: WriteQueue[str, str], storage: Storage, answers: list[str]
) -> None:
    storage.blocked = True
    submit(queue, answers, "a")
    flush = asyncio.ensure_future(queue.flush())
    await eventually(lambda: storage.batches)
    flush.cancel()
    await asyncio.gather(flush, return_exceptions=True)
    storage.unblock()
    assert answers == ["A"]


async def test_flushing_an_idle_queue_returns_at_once(queue: WriteQueue[str, str], storage: Storage) -> None:
    await queue.flush()
    assert storage.batches == []


# --- Locked rooms -----------------------------------------------------------------------------------------------------
class LockedStorage(Storage):
    """Goes by lanes of the first letter; that of `h` is locked, and what waits for it waits in `waiting`."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[list[str]] = []
        self._unlock: list[Callable[[], None]] = []

    def _outcome(self, texts: list[str]) -> Outcome:
        return [Held() if text[0] == "h" else text.upper() for text in texts]

    def store_held(self, texts: list[str], done: Done) -> None:
        self.waiting.append(texts)
        self._unlock.append(lambda: done([text.upper() for text in texts]))

    def unlock(self) -> None:
        self._unlock.pop(0)()


async def test_a_locked_lane_waits_apart_in_its_order_and_delays_no_other(answers: list[str]) -> None:
    storage = LockedStorage()
    queue = WriteQueue(storage.store, capacity=4, lane=lambda text: text[0], store_held=storage.store_held)
    submit(queue, answers, "h1", "a1", "h2")
    await eventually(lambda: answers == ["A1"])
    submit(queue, answers, "h3", "a2")
    await eventually(lambda: answers == ["A1", "A2"])
    submit(queue, answers, "a3")
    with pytest.raises(Unavailable):
        submit(queue, answers, "one too many")
    await eventually(lambda: "A3" in answers)
    assert storage.waiting == [["h1", "h2"]], "h3 waits behind them"
    storage.unlock()
    assert storage.waiting == [["h1", "h2"], ["h3"]]
    storage.unlock()
    await queue.flush()
    assert answers == ["A1", "A2", "A3", "H1", "H2", "H3"]
    assert not queue._held


async def test_a_lane_that_is_locked_no_more_is_stored_with_the_others(answers: list[str]) -> None:
    storage = LockedStorage()
    queue = WriteQueue(storage.store, capacity=4, lane=lambda text: text[0], store_held=storage.store_held)
    submit(queue, answers, "h1")
    await eventually(lambda: storage.waiting)
    storage.unlock()
    submit(queue, answers, "h2", "a1")
    await eventually(lambda: "A1" in answers)
    assert storage.batches[-1] == ["h2", "a1"]
    storage.unlock()
    await queue.flush()
    assert answers == ["H1", "A1", "H2"]
