"""Pieces of texts in one process: gathered, written together, answered each; the writing is tested with its service."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from rooms.errors import ChatError, Conflict, Unavailable
from rooms.live import streams as live_streams
from rooms.live.events import Event
from rooms.live.streams import Streams
from rooms.services.stream_parts import Answer, Appended, NewPart
from tests.simulation.clock import VirtualLoop


class Database:
    """Writes pieces in memory, as the service does, and knows when."""

    def __init__(self) -> None:
        self.texts: dict[int, str] = defaultdict(str)
        self.written: list[tuple[float, int]] = []  # when, and how many texts
        self.fails: Callable[[list[NewPart]], Exception | None] = lambda _: None

    async def call(self, _function: Any, parts: list[NewPart]) -> tuple[list[Answer], list[Event]]:
        if error := self.fails(parts):
            raise error
        self.written.append((asyncio.get_running_loop().time(), len({part.message_id for part in parts})))
        answers, added = [self._add(part) for part in parts], {part.message_id: part for part in parts}
        return answers, [Event("room.1", str(message_id).encode()) for message_id in added]

    def _add(self, part: NewPart) -> Answer:
        if part.offset != len(self.texts[part.message_id]):
            return Conflict(offset=len(self.texts[part.message_id]))
        self.texts[part.message_id] += part.text
        return Appended("lobby", part.message_id, 1, part.offset + len(part.text))


class Bus:
    def __init__(self) -> None:
        self.published: list[Event] = []

    def publish(self, events: list[Event]) -> None:
        self.published += events


class World:
    def __init__(self) -> None:
        self.database, self.bus = Database(), Bus()
        self.tasks: list[asyncio.Task[None]] = []
        bus: Any = self.bus
        self.streams = Streams(bus, lambda work: self.tasks.append(asyncio.ensure_future(work)))
        self.answers: list[Answer] = []

    def append(self, offset: int, text: str = "x", *, message_id: int = 1) -> None:
        self.streams.append(NewPart(1, message_id, 7, offset, text), self.answers.append)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[World], Coroutine[Any, Any, None]]], World]:
    """Plays a scene in a world whose time costs none."""

    def run(scene: Callable[[World], Coroutine[Any, Any, None]]) -> World:
        async def begin() -> World:
            world = World()
            monkeypatch.setattr(live_streams.database, "call", world.database.call)
            await scene(world)
            return world

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(begin())

    return run


def test_however_many_pieces_come_a_message_has_eight_frames_a_second(play: Any) -> None:
    async def scene(world: World) -> None:
        for number in range(250):  # in five seconds
            world.append(number)
            world.append(number, message_id=2)
            await asyncio.sleep(0.02)
        await asyncio.sleep(1)

    world = play(scene)
    moments = [at for at, _ in world.database.written]
    for start in moments:
        assert sum(start <= at < start + 0.999 for at in moments) <= 8
    assert all(texts == 2 for _, texts in world.database.written)
    assert len(world.bus.published) == 2 * len(moments) <= 2 * 42
    assert world.database.texts == {1: "x" * 250, 2: "x" * 250}
    assert [type(answer) for answer in world.answers] == [Appended] * 500


def test_the_first_piece_of_a_quiet_moment_waits_for_nothing(play: Any) -> None:
    async def scene(world: World) -> None:
        for number in range(3):
            world.append(number)
            await asyncio.sleep(10)

    assert [at for at, _ in play(scene).database.written] == [0, 10, 20]


def test_nothing_runs_while_nothing_is_written(play: Any) -> None:
    async def scene(world: World) -> None:
        world.append(0)
        await asyncio.sleep(1)
        assert [task.done() for task in world.tasks] == [True]
        world.append(1)
        await asyncio.sleep(1)
        assert [task.done() for task in world.tasks] == [True, True]

    play(scene)


def test_without_a_limit_each_is_written_as_soon_as_it_can_be(play: Any, settings: Any) -> None:
    settings.CHAT_STREAM_FRAMES = 0

    async def scene(world: World) -> None:
        for number in range(50):
            world.append(number)
            await asyncio.sleep(0.01)

    assert len(play(scene).database.written) == 50


def test_a_stopping_process_writes_what_waits(play: Any) -> None:
    async def scene(world: World) -> None:
        world.append(0)
        await asyncio.sleep(0.01)
        world.append(1)
        await world.streams.flush()
        assert world.database.texts[1] == "xx"

    play(scene)


@pytest.mark.parametrize(("error", "code"), [(Unavailable(), "unavailable"), (ValueError(), "internal")])
def test_a_failure_answers_and_the_bot_sends_it_again(play: Any, error: Exception, code: str) -> None:
    async def scene(world: World) -> None:
        world.database.fails = lambda _: error
        world.append(0)
        await asyncio.sleep(1)
        [refused] = world.answers
        assert isinstance(refused, ChatError)
        assert (refused.code, world.bus.published) == (code, [])
        world.database.fails = lambda _: None
        assert (await world.streams.appended(NewPart(1, 1, 7, 0, "again"))).offset == 5
        with pytest.raises(Conflict):
            await world.streams.appended(NewPart(1, 1, 7, 0, "again"))

    play(scene)


def test_one_text_that_fails_harms_no_other(play: Any) -> None:
    async def scene(world: World) -> None:
        world.database.fails = lambda parts: ValueError() if 2 in {part.message_id for part in parts} else None
        for message_id in (1, 2, 3):
            world.append(0, message_id=message_id)
        await asyncio.sleep(1)
        codes = [answer.code if isinstance(answer, ChatError) else "" for answer in world.answers]
        assert codes == ["", "internal", ""]

    play(scene)


def test_a_socket_that_cannot_be_answered_takes_no_answer_from_the_others(play: Any) -> None:
    async def scene(world: World) -> None:
        def fail(_: Answer) -> None:
            raise ValueError("the socket is away")

        world.streams.append(NewPart(1, 1, 7, 0, "x"), fail)
        world.append(0, message_id=2)
        await asyncio.sleep(1)
        world.append(1)
        await asyncio.gather(*world.tasks)

    assert [(answer.message_id, answer.offset) for answer in play(scene).answers] == [(2, 1), (1, 2)]


def test_too_much_that_waits_is_refused(play: Any, settings: Any) -> None:
    settings.CHAT_WRITE_QUEUE_MESSAGES = 2

    async def scene(world: World) -> None:
        world.append(0)
        world.append(1)
        with pytest.raises(Unavailable):
            world.append(2)
        await asyncio.sleep(1)
        world.append(2)

    play(scene)


def test_many_texts_are_several_transactions(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_streams, "TEXTS_AT_ONCE", 2)

    async def scene(world: World) -> None:
        for message_id in range(5):
            world.append(0, message_id=message_id)
        await asyncio.sleep(1)

    assert [texts for _, texts in play(scene).database.written] == [2, 2, 1]
