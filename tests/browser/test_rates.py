"""chat-client.js when it is too fast: it sends again when the server says, in order, and not for ever."""

import json
from collections.abc import Callable

import pytest
from playwright.async_api import Error

from tests.browser.conftest import Frame, Line

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def limited(bucket: str, wait_ms: int) -> Frame:
    names = {"code": "rate-limited", "message": "Too many", "retryable": True}
    return {"type": "error", "bucket": bucket, "retryAfterMs": wait_ms, **names}


def granting(tokens: int, bucket: str, granted: Callable[[Frame], list[Frame]]) -> Callable[[Frame], list[Frame]]:
    """The answers of a server that has this number of tokens, and one more for each second that a client is to wait."""
    left = [tokens]

    def answer(frame: Frame) -> list[Frame]:
        if left[0] == 0:
            left[0] = 1
            return [limited(bucket, 1000)]
        left[0] -= 1
        return granted(frame)

    return answer


def ack(frame: Frame) -> list[Frame]:
    return [{"type": "ack", "roomId": frame["roomId"], "seq": 1}]


async def send(line: Line, *contents: str, room: str = "general") -> None:
    await line.run(
        f"""window.acked ??= [];
        for (const content of {json.dumps(contents)})
            client.send("chat-message", {{ roomId: "{room}", content }}).then(() => acked.push(content), () => {{}});"""
    )


async def test_messages_that_came_too_fast_are_sent_again_in_their_order(line: Line) -> None:
    line.answer("chat-message", granting(2, "room-messages", ack))
    await send(line, "a", "b")
    await line.until("acked.length === 2")
    await send(line, "c")
    await line.until_sent("chat-message", 3)
    await line.run("await client.send('ping')")
    await send(line, "d", "e")
    await line.run("await client.send('ping')")
    assert len(line.of("chat-message")) == 3, "they wait behind the one that was refused"
    for count in (3, 4, 5):
        await line.page.clock.run_for(1000)
        await line.until(f"acked.length === {count}")
    assert await line.page.evaluate("acked") == ["a", "b", "c", "d", "e"]
    ids = {frame["content"]: set() for frame in line.of("chat-message")}  # type: dict[str, set[Any]]
    for frame in line.of("chat-message"):
        ids[frame["content"]].add(frame["clientId"])
    assert all(len(of_one) == 1 for of_one in ids.values()), "each again under its own clientId"


async def test_another_room_does_not_wait(line: Line) -> None:
    line.answer(
        "chat-message",
        lambda frame: [limited("room-messages", 60_000)] if frame["roomId"] == "general" else ack(frame),
    )
    await send(line, "slow")
    await line.until_sent("chat-message")
    await line.run("await client.send('ping')")
    await send(line, "quick", room="garden")
    await line.until("acked.includes('quick')")


async def test_a_message_that_is_refused_again_and_again_is_rejected(line: Line) -> None:
    line.answer("chat-message", lambda frame: [limited("messages", 1000)])
    await line.run(
        "window.refused = client.send('chat-message', { roomId: 'general', content: 'x' }).catch((e) => e.code);"
    )
    for count in range(1, 11):
        await line.until_sent("chat-message", count)
        await line.run("await client.send('ping')")
        await line.page.clock.run_for(1000)
    assert await line.page.evaluate("refused") == "rate-limited"
    assert len(line.of("chat-message")) == 10


async def test_few_messages_are_under_way_at_a_time(line: Line) -> None:
    line.answer("chat-message", lambda frame: [])
    await send(line, *map(str, range(100)))
    await line.run("await client.send('ping')")
    assert len(line.of("chat-message")) == 32
    line.answer("chat-message", ack)
    for frame in list(line.of("chat-message")):
        line.send({**ack(frame)[0], "id": frame["id"]})
    await line.until("acked.length === 100")
    assert [frame["content"] for frame in line.of("chat-message")] == list(map(str, range(100)))


async def test_rooms_are_joined_again_one_by_one_when_all_at_once_is_too_fast(line: Line) -> None:
    rooms = [f"room-{number}" for number in range(5)]
    for room in rooms:
        await line.run(f"await client.send('join-room', {{ roomId: '{room}' }})")
    line.answer("join-room", granting(2, "joins", line._joined))
    before = len(line.of("join-room"))
    await line.cut(1001)
    await line.until_sent("join-room", before + 3)
    await line.until("client.state === 'ready'")
    line.answer("chat-message", ack)
    await send(line, "late", room="room-4")
    await line.run("await client.send('ping')")
    assert not line.of("chat-message"), "it waits for its room"
    for _ in range(6):
        await line.page.clock.run_for(1000)
        await line.run("await client.send('ping')")
    await line.until("acked.includes('late')")
    joined = [frame["roomId"] for frame in line.of("join-room")[before:]]
    assert set(joined) == set(rooms)
    assert len(joined) <= 5 + 3 + 3, "not all of them again with each token"


async def test_a_refused_connection_is_tried_again_when_the_server_says(line: Line) -> None:
    line.send(limited("connects", 300_000))
    await line.cut(1013, "Reconnecting too often")
    await line.until("client.state === 'waiting'")
    assert 299_000 < await line.page.evaluate("states.at(-1).retryInMs") <= 300_000
    await line.page.evaluate("dispatchEvent(new Event('online'))")
    assert len(line.sockets) == 1, "a network that is back changes nothing"
    await line.page.clock.run_for(300_000)
    await line.until("client.state === 'ready'")


async def test_a_sign_in_that_is_refused_for_now_is_tried_again_when_the_server_says(line: Line) -> None:
    line.knows_cookie = False
    line.answer("auth", lambda frame: [limited("connects", 300_000)])
    await line.run(
        """window.other = new ChatClient(undefined, { token: 'abc', backoffMs: 1 });
        window.last = {};
        other.on("state", (frame) => (last = frame));
        other.connect().catch(() => {});"""
    )
    await line.until("other.state === 'waiting'")
    assert await line.page.evaluate("last.retryInMs") > 299_000


@pytest.mark.parametrize("code", [4104, 4105])
async def test_whoever_is_disconnected_for_good_does_not_come_back(line: Line, code: int) -> None:
    await line.cut(code)
    await line.until("client.state === 'closed'")
    assert await line.page.evaluate("states.at(-1).code") == code
    with pytest.raises(Error, match="disconnected"):
        await line.page.evaluate("client.send('get-rooms')")
    await line.page.clock.run_for(3_600_000)
    assert len(line.sockets) == 1
