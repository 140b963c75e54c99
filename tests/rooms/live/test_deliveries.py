"""Which webhooks a process sends, and when: soon after a message, one event after the other, none behind another."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from monitoring import metrics
from rooms import database, outbound
from rooms.errors import Unavailable
from rooms.live.deliveries import EVENTS_AT_ONCE, Deliveries
from rooms.outbound import Outcome
from rooms.services import deliveries
from rooms.services.deliveries import Delivery
from tests.support.machine import eventually

SLOW, QUICK, FULL = 1, 2, 3


class Site:
    """Webhooks by their keys with the seqs that each is to be sent, and what receivers got."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waiting: dict[int, list[int]] = {}
        self.got: defaultdict[int, list[str]] = defaultdict(list)
        self.answers: dict[int, Callable[[], Any]] = {}
        self.looks = 0
        self.now = 0.0
        self.tasks: set[asyncio.Task[None]] = set()
        self.metrics = SimpleNamespace(results=[], behind=0)
        self.subject = Deliveries(self._spawn, lambda: self.now, 5.0)

        async def call(function: Callable[..., Any], **fields: Any) -> Any:
            return function(**fields)

        async def post(url: str, headers: dict[str, str], body: bytes) -> Outcome:
            key = int(url)
            self.got[key].append(headers["webhook-id"])
            answer = self.answers.get(key)
            return await answer() if answer else Outcome(204)

        monkeypatch.setattr(database, "call", call)
        monkeypatch.setattr(outbound, "post", post)
        for name in ("rooms_with_webhooks", "due", "claim", "settle"):
            monkeypatch.setattr(deliveries, name, getattr(self, name))
        monkeypatch.setattr(metrics, "webhook_delivered", self.metrics.results.append)
        monkeypatch.setattr(metrics, "webhooks_behind", lambda count: setattr(self.metrics, "behind", count))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # A room has the key of its webhook.
    def rooms_with_webhooks(self) -> dict[int, int]:
        self.looks += 1
        return {key: len(seqs) for key, seqs in self.waiting.items()}

    def due(self) -> list[int]:
        return [key for key, seqs in self.waiting.items() if seqs]

    def claim(self, webhook_id: int) -> Delivery | None:
        seqs = self.waiting[webhook_id]
        if not seqs:
            return None
        headers = {"webhook-id": f"{webhook_id}:{seqs[0]}"}
        return Delivery(webhook_id, datetime.now(UTC), seqs[0], str(webhook_id), headers, b"")

    def settle(self, delivery: Delivery, outcome: Outcome) -> str:
        if outcome.status != 204:
            return "failed"
        self.waiting[delivery.webhook_id].pop(0)
        return "delivered"

    def stored(self, room_id: int, seq: int) -> None:
        self.waiting.get(room_id, []).append(seq)
        message: Any = SimpleNamespace(room_id=room_id)
        self.subject.stored([message])

    async def done(self) -> None:
        await asyncio.gather(*self.tasks)


@pytest.fixture
async def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(monkeypatch)


async def test_what_is_stored_is_sent_at_the_next_tick_and_in_order(site: Site) -> None:
    site.waiting = {QUICK: []}
    await site.subject.tick()
    for seq in (1, 2):
        site.stored(QUICK, seq)
    await site.subject.tick()
    await site.done()
    assert site.got == {QUICK: ["2:1", "2:2"]}
    assert (site.looks, site.metrics.results) == (1, ["delivered", "delivered"])


async def test_a_message_of_a_room_without_a_webhook_makes_no_look(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.waiting = {QUICK: []}
    await site.subject.tick()
    monkeypatch.setattr(deliveries, "due", lambda: pytest.fail("nothing is new"))
    site.stored(9, 1)
    await site.subject.tick()
    monkeypatch.setattr(site.subject, "_rooms", frozenset())
    site.stored(QUICK, 1)
    await site.subject.tick()


async def test_what_others_stored_is_found_at_the_next_look(site: Site) -> None:
    site.waiting = {QUICK: []}
    await site.subject.tick()
    site.waiting[QUICK].append(1)
    await site.subject.tick()
    assert not site.got
    site.now = 5.0
    await site.subject.tick()
    await site.done()
    assert (site.got, site.metrics.behind) == ({QUICK: ["2:1"]}, 1)


async def test_a_receiver_that_hangs_delays_no_other_one(site: Site) -> None:
    answered = asyncio.Event()

    async def hang() -> Outcome:
        await answered.wait()
        return Outcome(204)

    site.waiting, site.answers = {SLOW: [1, 2], QUICK: [1, 2, 3]}, {SLOW: hang}
    await site.subject.tick()
    await eventually(lambda: len(site.got[QUICK]) == 3, what="the quick one has all")
    site.now = 5.0
    await site.subject.tick()
    assert site.got[SLOW] == ["1:1"], "the slow one is sent one event after the other"
    answered.set()
    await site.done()
    assert site.got[SLOW] == ["1:1", "1:2"]


async def test_after_a_failure_nothing_more_is_sent_for_now(site: Site) -> None:
    async def fail() -> Outcome:
        return Outcome(500)

    site.waiting, site.answers = {QUICK: [1, 2]}, {QUICK: fail}
    await site.subject.tick()
    await site.done()
    assert (site.got[QUICK], site.metrics.results) == (["2:1"], ["failed"])


async def test_one_with_much_to_send_takes_turns(site: Site) -> None:
    site.waiting = {FULL: list(range(EVENTS_AT_ONCE + 1))}
    await site.subject.tick()
    await site.done()
    assert len(site.got[FULL]) == EVENTS_AT_ONCE
    await site.subject.tick()
    await site.done()
    assert len(site.got[FULL]) == EVENTS_AT_ONCE + 1


async def test_an_attempt_that_cannot_be_noted_is_made_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> str:
        raise Unavailable

    site.waiting = {QUICK: [1]}
    with monkeypatch.context() as away:
        away.setattr(deliveries, "settle", fail)
        await site.subject.tick()
        await site.done()
    site.now = 5.0
    await site.subject.tick()
    await site.done()
    assert site.got[QUICK] == ["2:1", "2:1"]
