"""The first event of a quiet room is sent at once, what follows shares a frame, and nobody gets one twice."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings

from rooms.live.events import Encoded, Event
from rooms.live.hub import Hub

TOPIC = "room.1"


class Clock:
    """Timers that run when the test says so."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, seconds: float, call: Callable[[], None]) -> Any:
        timer = (seconds, call)
        self.timers.append(timer)
        return SimpleNamespace(cancel=lambda: self.timers.remove(timer))

    def tick(self) -> float:
        """Runs the one timer there is; answers how long it waited."""
        [(seconds, call)] = self.timers
        self.timers.clear()
        call()
        return seconds


class Reader:
    def __init__(self, name: str, *accepts: str) -> None:
        self.id, self.accepts = name, frozenset(accepts)
        self.write, self.write_up_to = None, 0
        self.frames: list[dict[str, Any]] = []

    def offer(self, frame: Encoded, *, ephemeral: bool = False) -> None:
        self.frames.append(json.loads(frame.payload))

    def seqs(self) -> list[Any]:
        """What came, frame by frame: a seq, or a list of them for a batch."""
        return [[event["seq"] for event in one["messages"]] if "messages" in one else one["seq"] for one in self.frames]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub(clock: Clock) -> Hub:
    return Hub(lambda topic: None, clock.call_later)


def enter(hub: Hub, reader: Reader, head: int = 0) -> Reader:
    hub.subscribe(TOPIC, reader, "hall")
    hub.activate(TOPIC, reader, head)
    return reader


def say(hub: Hub, *seqs: int) -> None:
    for seq in seqs:
        hub.deliver([Event(TOPIC, json.dumps({"type": "chat-message", "seq": seq}).encode(), seq)])


def say_together(hub: Hub, *seqs: int) -> None:
    hub.deliver(Event(TOPIC, json.dumps({"type": "chat-message", "seq": seq}).encode(), seq) for seq in seqs)


def test_the_first_event_is_sent_at_once_and_those_that_follow_share_a_frame(hub: Hub, clock: Clock) -> None:
    reader = enter(hub, Reader("a", "message-batch"))
    say(hub, 1)
    assert reader.seqs() == [1]
    say(hub, 2, 3)
    assert reader.seqs() == [1]
    assert clock.tick() == 0.1
    assert reader.seqs() == [1, [2, 3]]
    batch = reader.frames[-1]
    assert (batch["type"], batch["roomId"], set(batch)) == (
        "message-batch", "hall", {"type", "roomId", "messages", "timestamp"},
    )  # fmt: skip


def test_the_first_event_after_a_quiet_interval_is_sent_at_once(hub: Hub, clock: Clock) -> None:
    reader = enter(hub, Reader("a", "message-batch"))
    say(hub, 1)
    clock.tick()
    assert not clock.timers
    say(hub, 2)
    assert reader.seqs() == [1, 2]


def test_a_single_waiting_event_is_no_batch(hub: Hub, clock: Clock) -> None:
    reader = enter(hub, Reader("a", "message-batch"))
    say(hub, 1, 2)
    clock.tick()
    assert reader.seqs() == [1, 2]


def test_a_full_batch_does_not_wait(hub: Hub, settings: LazySettings) -> None:
    settings.CHAT_BATCH_SIZE = 3
    reader = enter(hub, Reader("a", "message-batch"))
    say(hub, *range(1, 8))
    assert reader.seqs() == [1, [2, 3, 4], [5, 6, 7]]


def test_changes_delivered_together_fill_one_frame(hub: Hub, clock: Clock) -> None:
    reader = enter(hub, Reader("a", "message-batch"))
    say_together(hub, 1, 2, 3)
    assert reader.seqs() == [[1, 2, 3]]
    say_together(hub, 4, 5)
    clock.tick()
    assert reader.seqs() == [[1, 2, 3], [4, 5]]


def test_members_who_do_not_accept_batches_get_each_event_at_once(hub: Hub) -> None:
    enter(hub, Reader("a", "message-batch"))
    plain = enter(hub, Reader("b"))
    say(hub, 1, 2, 3)
    assert plain.seqs() == [1, 2, 3]


def test_a_member_who_joins_while_a_batch_waits_gets_only_newer_events(hub: Hub, clock: Clock) -> None:
    first = enter(hub, Reader("a", "message-batch"))
    say(hub, 1, 2, 3)
    second = enter(hub, Reader("b", "message-batch"), head=3)
    say(hub, 4)
    clock.tick()
    assert first.seqs() == [1, [2, 3], 4]
    assert second.seqs() == [4]


def test_an_ephemeral_event_is_sent_behind_what_waits_except_to_the_skipped_one(hub: Hub) -> None:
    reader, skipped = enter(hub, Reader("a", "message-batch")), enter(hub, Reader("b", "message-batch"))
    say(hub, 1, 2, 3)
    hub.deliver([Event(TOPIC, b'{"type":"user-joined","seq":null}', skip="b")])
    assert reader.seqs() == [1, [2, 3], None]
    assert skipped.seqs() == [1, [2, 3]]


def test_all_members_share_one_encoded_batch(hub: Hub, clock: Clock) -> None:
    frames: list[Encoded] = []
    for name in "abc":
        reader = enter(hub, Reader(name, "message-batch"))
        reader.offer = lambda frame, ephemeral=False: frames.append(frame)  # type: ignore[method-assign]
    say(hub, 1, 2, 3)
    clock.tick()
    assert len(frames) == 6
    assert len(set(map(id, frames))) == 2


def test_an_empty_room_leaves_no_timer(hub: Hub, clock: Clock) -> None:
    reader = enter(hub, Reader("a", "message-batch"))
    say(hub, 1, 2)
    hub.unsubscribe(TOPIC, reader)
    assert not clock.timers
    assert TOPIC not in hub


@pytest.mark.parametrize("size", [0, 1])
def test_batches_can_be_turned_off(hub: Hub, settings: LazySettings, size: int) -> None:
    settings.CHAT_BATCH_SIZE = size
    reader = enter(hub, Reader("a", "message-batch"))
    say(hub, 1, 2, 3)
    assert reader.seqs() == [1, 2, 3]
