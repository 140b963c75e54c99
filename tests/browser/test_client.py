"""chat-client.js alone, against a server played by the test; the page's clock is moved by hand."""

from typing import Any

import pytest
from playwright.async_api import Error

from tests.browser.conftest import Frame, Line

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
HOUR_MS = 3_600_000


def message(seq: int, content: str = "") -> Frame:
    names = {"roomId": "general", "messageId": str(seq), "user": {"id": "2", "username": "bob"}}
    return {"type": "chat-message", "seq": seq, "changedSeq": seq, "content": content or f"m{seq}", **names}


def stored(*changes: Frame, recovered: bool = True) -> Any:
    """A `join-room` that answers from these changes, as one that resumes is answered."""

    def answer(frame: Frame) -> list[Frame]:
        found = [change for change in changes if change["changedSeq"] > frame.get("after", 0)]
        resumed = {"recovered": recovered, "headSeq": changes[-1]["changedSeq"]} if "after" in frame else {}
        return [
            {"type": "room-joined", "roomId": "general", "memberCount": 1, **resumed},
            {"type": "message-history", "roomId": "general", "messages": found if recovered else changes},
        ]

    return answer


async def join(line: Line) -> None:
    await line.page.evaluate("client.send('join-room', { roomId: 'general' })")


async def test_an_answer_resolves_the_promise_of_its_command(line: Line) -> None:
    line.answer("get-rooms", lambda frame: [{"type": "rooms-list", "rooms": [{"id": "general", "memberCount": 2}]}])
    answer = await line.page.evaluate("client.send('get-rooms')")
    assert answer["rooms"] == [{"id": "general", "memberCount": 2}]


async def test_a_refusal_rejects_it_with_the_code(line: Line) -> None:
    line.answer("join-room", lambda frame: [{"type": "error", "code": "banned", "message": "You are banned"}])
    with pytest.raises(Error, match="You are banned"):
        await join(line)


async def test_without_a_cookie_a_token_signs_in(line: Line) -> None:
    line.knows_cookie = False
    await line.run("window.other = new ChatClient(undefined, { token: async () => 'abc' });")
    user = await line.page.evaluate("other.connect()")
    assert user["username"] == "alice"
    assert [frame["token"] for frame in line.of("auth")] == ["abc"]


async def test_without_either_it_says_so_until_somebody_signs_in(line: Line) -> None:
    line.knows_cookie = False
    await line.run("window.other = new ChatClient(); window.ready = other.connect();")
    await line.until("other.state === 'anonymous'")
    await line.run("await other.send('auth', { token: 'abc' }); await ready;")
    assert await line.page.evaluate("other.state") == "ready"


async def test_a_bad_token_ends_it(line: Line) -> None:
    line.knows_cookie = False
    line.answer("auth", lambda frame: [{"type": "auth-failed", "message": "No"}])
    await line.run("window.other = new ChatClient(undefined, { token: 'bad' }); other.connect().catch(() => {});")
    await line.until("other.state === 'connecting'")
    await line.cut(1008, "Authentication failed")
    await line.until("other.state === 'closed'")


async def test_a_command_sent_too_early_waits_for_the_connection(line: Line) -> None:
    line.answer("get-rooms", lambda frame: [{"type": "rooms-list", "rooms": []}])
    await line.run("window.other = new ChatClient(); window.early = other.send('get-rooms'); other.connect();")
    assert (await line.page.evaluate("early"))["type"] == "rooms-list"


async def test_a_handler_that_throws_harms_no_other(line: Line) -> None:
    await line.run("client.on('chat', () => { throw new Error('mine'); })")
    await line.run("client.on('chat', ({ message }) => seen.push(message))")
    line.send({"type": "chat", "message": "hello"})
    await line.until("seen.includes('hello')")


async def test_a_handler_that_was_taken_off_hears_nothing(line: Line) -> None:
    await line.run("client.on('chat', () => seen.push('first'))()")
    await line.run("client.on('chat', () => seen.push('second'))")
    line.send({"type": "chat", "message": "hello"})
    await line.until("seen.length > 0")
    assert await line.page.evaluate("seen") == ["second"]


async def test_a_double_is_dropped_and_a_gap_is_fetched_in_order(line: Line) -> None:
    await join(line)
    line.answer("join-room", stored(*(message(seq) for seq in range(1, 7))))
    for seq in (1, 1, 2, 6, 3):
        line.send(message(seq))
    await line.until("seen.length >= 6")
    assert await line.page.evaluate("seen") == ["m1", "m2", "m3", "m4", "m5", "m6"]


async def test_after_a_reconnect_it_resumes_where_it_stopped(line: Line) -> None:
    await join(line)
    line.send(message(1))
    await line.until("seen.length === 1")
    line.answer("join-room", stored(*(message(seq) for seq in range(1, 452))))
    await line.cut(1012)
    await line.until("seen.length >= 451")
    assert await line.page.evaluate("seen") == [f"m{seq}" for seq in range(1, 452)]
    assert [frame.get("after") for frame in line.of("join-room")] == [None, 1]


async def test_what_was_edited_and_deleted_meanwhile_is_told_too(line: Line) -> None:
    await join(line)
    for kind in ("message-edited", "message-deleted"):
        await line.run(f"client.on('{kind}', ({{ type, seq }}) => seen.push(`${{type}} ${{seq}}`))")
    line.send(message(1))
    line.send(message(2))
    await line.until("seen.length === 2")
    edited = {**message(1, "new"), "type": "message-edited", "changedSeq": 3}
    deleted = {"type": "message-deleted", "roomId": "general", "messageId": "2", "seq": 2, "changedSeq": 4}
    line.answer("join-room", stored(message(1), message(2), edited, deleted))
    await line.cut(1012)
    await line.until("seen.length >= 4")
    assert await line.page.evaluate("seen") == ["m1", "m2", "message-edited 1", "message-deleted 2"]


async def test_a_gap_too_large_to_tell_begins_the_room_anew(line: Line) -> None:
    await join(line)
    await line.run("client.on('room-reset', ({ roomId }) => seen.push(`reset ${roomId}`))")
    await line.run(
        "client.on('message-history', ({ messages }) => seen.push(...messages.map(({ content }) => content)))"
    )
    line.send(message(1))
    await line.until("seen.length === 1")
    line.answer("join-room", stored(message(5000), message(5001), recovered=False))
    await line.cut(1012)
    await line.until("seen.length >= 4")
    line.send(message(5002))
    await line.until("seen.length >= 5")
    assert await line.page.evaluate("seen") == ["m1", "reset general", "m5000", "m5001", "m5002"]


async def test_an_unacknowledged_message_is_sent_again_under_the_same_client_id(line: Line) -> None:
    await join(line)
    await line.run("window.sent = client.send('chat-message', { roomId: 'general', content: 'hi' });")
    await line.cut(1001)
    line.answer("chat-message", lambda frame: [{"type": "ack", "roomId": "general", "seq": 1, "messageId": "1"}])
    assert (await line.page.evaluate("sent"))["seq"] == 1
    first, second = line.of("chat-message")
    assert first == second
    assert first["clientId"]


async def test_what_the_server_may_not_do_twice_is_not_sent_twice(line: Line) -> None:
    await line.run("client.send('chat', { message: 'hello' }).catch(({ code }) => { window.failure = code; });")
    await line.cut(1012)
    await line.until("window.failure === 'connection-lost'")
    await line.until("client.state === 'ready'")
    assert len(line.of("chat")) == 1


@pytest.mark.parametrize("code", [1008, 4100, 4101, 4102, 4199])
async def test_it_stays_away_when_the_server_says_so(line: Line, code: int) -> None:
    await line.cut(code, "for a reason")
    await line.until("client.state === 'closed'")
    await line.page.clock.run_for(HOUR_MS)
    assert len(line.sockets) == 1
    assert (await line.page.evaluate("states.at(-1)"))["code"] == code


@pytest.mark.parametrize("code", [1001, 1011, 1012, 1013, 4000, 4001, 4002])
async def test_it_comes_back_after_every_other_end(line: Line, code: int) -> None:
    await line.cut(code)
    await line.until("states.filter(({ state }) => state === 'ready').length === 2")


async def test_the_wait_before_a_new_try_is_random_and_grows_to_its_limit(line: Line) -> None:
    await line.run("WebSocket = class { constructor() { setTimeout(() => this.onclose({ code: 1006 })); } };")
    await line.run("Math.random = () => 0.5;")
    await line.cut(4001)
    await line.page.clock.run_for(5 * 60_000)
    waits = await line.page.evaluate("states.filter(({ state }) => state === 'waiting').map((s) => s.retryInMs)")
    assert waits[:4] == [0.5, 1, 2, 4]
    assert max(waits) == waits[-1] == 15_000


async def test_coming_online_ends_the_wait(line: Line) -> None:
    await line.run("Math.random = () => 1e6;")
    await line.cut(1013)
    await line.until("client.state === 'waiting'")
    await line.run("dispatchEvent(new Event('online'));")
    await line.until("client.state === 'ready'")


async def test_a_dead_line_is_found_by_the_heart_beat(line: Line) -> None:
    line.answer("ping", lambda frame: [])
    await line.page.clock.run_for(35_000)
    await line.until("states.some(({ code }) => code === 4002)")
    assert line.of("ping")


async def test_disconnect_ends_it_and_what_waits_is_told(line: Line) -> None:
    code = await line.page.evaluate(
        """() => {
            const code = client.send("get-rooms").catch((error) => error.code);
            client.disconnect();
            return code;
        }"""
    )
    assert code == "disconnected"
    assert await line.page.evaluate("client.state") == "closed"


async def test_a_room_that_cannot_be_joined_again_is_lost_and_said_so(line: Line) -> None:
    await join(line)
    await line.run("client.on('room-lost', ({ roomId, code }) => seen.push(`${roomId} ${code}`))")
    line.answer("join-room", lambda frame: [{"type": "error", "code": "banned", "message": "You are banned"}])
    await line.cut(1012)
    await line.until("seen.includes('general banned') && client.state === 'ready'")
