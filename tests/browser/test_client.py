"""chat-client.js alone, against a server played by the test; the page's clock is moved by hand."""

from typing import Any

import pytest
from playwright.async_api import Error

from tests.browser.conftest import ALICE, BOB, Frame, Line

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
HOUR_MS = 3_600_000


def message(seq: int, content: str = "") -> Frame:
    names = {"roomId": "general", "messageId": str(seq), "user": {"id": "2", "username": "bob"}}
    return {"type": "chat-message", "seq": seq, "changedSeq": seq, "content": content or f"m{seq}", **names}


def stored(*changes: Frame, recovered: bool = True, epoch: str = "first") -> Any:
    """The answer of a room with these changes: from `after` on, or, unless `recovered`, all of them as a page."""

    def answer(frame: Frame) -> list[Frame]:
        found = [change for change in changes if change["changedSeq"] > frame.get("after", 0)]
        resumed = {"recovered": recovered} if "after" in frame else {}
        position = {"headSeq": changes[-1]["changedSeq"], "epoch": epoch}
        return [
            {"type": "room-joined", "roomId": "general", "memberCount": 1, **position, **resumed},
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


async def test_a_sign_in_sent_too_early_waits_only_for_the_socket(line: Line) -> None:
    line.knows_cookie = False
    await line.run(
        """window.other = new ChatClient();
        window.ready = other.connect();
        other.send("auth", { token: "abc" });"""
    )
    assert (await line.page.evaluate("ready"))["username"] == "alice"


async def test_a_bad_token_ends_it(line: Line) -> None:
    line.knows_cookie = False
    line.answer("auth", lambda frame: [{"type": "auth-failed", "message": "No"}])
    await line.run("window.other = new ChatClient(undefined, { token: 'bad' }); other.connect().catch(() => {});")
    await line.until("other.state === 'connecting'")
    await line.cut(1008, "Authentication failed")
    await line.until("other.state === 'closed'")


UNAVAILABLE = {"type": "error", "code": "unavailable", "message": "Busy", "retryable": True}


async def test_a_token_that_cannot_be_checked_now_is_sent_again(line: Line) -> None:
    line.knows_cookie = False
    line.answer("auth", lambda frame: [UNAVAILABLE])
    await line.run("window.other = new ChatClient(undefined, { token: 'abc', backoffMs: 1 });")
    await line.run("window.ready = other.connect();")
    await line.until_sent("auth", 2)
    line.answer("auth", lambda frame: [{"type": "auth-success", "user": ALICE}])
    assert (await line.page.evaluate("ready"))["username"] == "alice"


async def test_a_cookie_that_cannot_be_checked_now_is_tried_again(line: Line) -> None:
    line.knows_cookie = False
    line.answer("ping", lambda frame: [])
    await line.run("window.other = new ChatClient(undefined, { backoffMs: 1 }); window.ready = other.connect();")
    await line.until_sent("ping", 2)
    line.knows_cookie = True
    line.send(UNAVAILABLE)
    line.send({"type": "pong", "id": line.of("ping")[-1]["id"]})
    assert (await line.page.evaluate("ready"))["username"] == "alice"
    assert len(line.sockets) == 3


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


async def test_what_it_missed_is_marked_as_such(line: Line) -> None:
    await join(line)
    await line.run("client.on('chat-message', ({ content, missed }) => seen.push(`${content} ${missed}`))")
    line.answer("join-room", stored(message(1)))
    await line.cut(1012)
    await line.until("seen.includes('m1 true')")
    line.send(message(2))
    await line.until("seen.includes('m2 undefined')")


async def test_each_join_again_says_how_many_are_there_now(line: Line) -> None:
    await line.run("client.on('room-joined', ({ memberCount }) => seen.push(memberCount))")
    await join(line)
    joined = {"type": "room-joined", "roomId": "general", "memberCount": 7, "recovered": True, "headSeq": 0}
    line.answer("join-room", lambda frame: [joined, {"type": "message-history", "roomId": "general", "messages": []}])
    await line.cut(1012)
    await line.until("client.state === 'ready'")
    assert await line.page.evaluate("seen") == [1, 7]


async def test_a_deletion_at_the_head_is_no_gap(line: Line) -> None:
    deleted = {"type": "message-deleted", "roomId": "general", "messageId": "2", "seq": 2, "changedSeq": 3}
    page = stored(message(1), deleted)
    line.answer("join-room", lambda frame: [page(frame)[0], {**page(frame)[1], "messages": [message(1)]}])
    await join(line)
    line.send(message(4))
    await line.until("seen.includes('m4')")
    await line.page.evaluate("client.send('ping')")
    assert len(line.of("join-room")) == 1


async def test_an_ack_before_its_message_is_no_change_of_the_room(line: Line) -> None:
    await join(line)
    await line.run("client.on('ack', ({ seq }) => seen.push(`ack ${seq}`))")
    for frame in ({"type": "ack", "seq": 1}, {"type": "ack", "seq": 3, "changedSeq": 3}):
        line.send({**frame, "roomId": "general", "messageId": str(frame["seq"])})
    for seq in (1, 2, 3):
        line.send(message(seq))
    await line.until("seen.length >= 5")
    assert await line.page.evaluate("seen") == ["ack 1", "ack 3", "m1", "m2", "m3"]
    assert len(line.of("join-room")) == 1


async def test_a_frame_with_a_seq_of_another_kind_is_no_change_either(line: Line) -> None:
    await join(line)
    await line.run("client.on('read-marker', ({ seq }) => seen.push(`read ${seq}`))")
    line.send({"type": "read-marker", "roomId": "general", "seq": 1})
    line.send(message(1))
    await line.until("seen.length >= 2")
    assert await line.page.evaluate("seen") == ["read 1", "m1"]


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


async def test_a_room_with_another_history_is_reset(line: Line) -> None:
    line.answer("join-room", stored(message(8), epoch="first"))
    await join(line)
    await line.run("client.on('room-reset', ({ roomId }) => seen.push(`reset ${roomId}`))")
    line.answer("join-room", stored(message(1), recovered=False, epoch="second"))
    await line.cut(1012)
    await line.until("seen.length >= 1")
    line.send(message(2))
    await line.until("seen.length >= 2")
    assert await line.page.evaluate("seen") == ["reset general", "m2"]
    line.answer("join-room", stored(message(2), epoch="second"))
    await line.cut(1012)
    await line.until("states.filter(({ state }) => state === 'ready').length === 3")
    asked = [(frame.get("after"), frame.get("epoch")) for frame in line.of("join-room")]
    assert asked == [(None, None), (8, "first"), (2, "second")]


async def test_an_epoch_counts_only_with_its_history(line: Line) -> None:
    line.answer("join-room", stored(message(8), epoch="first"))
    await join(line)
    line.answer("join-room", lambda frame: stored(message(1), recovered=False, epoch="second")(frame)[:1])
    await line.run("client.on('room-joined', () => seen.push('joined'))")
    await line.cut(1012)
    await line.until("seen.includes('joined')")
    await line.cut(1012)
    await line.until_sent("join-room", 3)
    asked = [(frame.get("after"), frame.get("epoch")) for frame in line.of("join-room")]
    assert asked == [(None, None), (8, "first"), (8, "first")]


async def test_an_unacknowledged_message_is_sent_again_under_the_same_client_id(line: Line) -> None:
    await join(line)
    await line.run("window.sent = client.send('chat-message', { roomId: 'general', content: 'hi' });")
    await line.cut(1001)
    line.answer("chat-message", lambda frame: [{"type": "ack", "roomId": "general", "seq": 1, "messageId": "1"}])
    assert (await line.page.evaluate("sent"))["seq"] == 1
    first, second = line.of("chat-message")
    assert first == second
    assert first["clientId"]


async def test_messages_of_the_same_id_are_two_messages(line: Line) -> None:
    await join(line)
    line.answer("chat-message", lambda frame: [{"type": "ack", "roomId": "general", "seq": 1, "messageId": "1"}])
    await line.run(
        """const post = (content) => client.send("chat-message", { roomId: "general", content, id: "1" });
        await Promise.all([post("one"), post("two")]);"""
    )
    first, second = line.of("chat-message")
    assert (first["content"], second["content"]) == ("one", "two")
    assert len({"1", first["clientId"], second["clientId"]}) == 3


async def test_what_is_sent_is_well_formed_text(line: Line) -> None:
    line.answer("chat-message", lambda frame: [{"type": "ack"}])
    await line.run(
        r"""await client.send("chat-message", {
            roomId: "\ud83d", content: "half \ud83d, whole \ud83d\ude00", mentions: ["\ude00"], clientId: "\ud800"
        });"""
    )
    [frame] = line.of("chat-message")
    texts = (frame["roomId"], frame["content"], frame["mentions"], frame["clientId"])
    assert texts == ("\ufffd", "half \ufffd, whole \U0001f600", ["\ufffd"], "\ufffd")


async def test_a_frame_too_big_is_refused_and_the_others_are_sent_again(line: Line) -> None:
    await join(line)
    await line.run(
        """const contents = ["before", "界".repeat(40), "x".repeat(60), "after"];
        const post = (content) => client.send("chat-message", { roomId: "general", content });
        window.sent = Promise.allSettled(contents.map(post));"""
    )
    await line.until_sent("chat-message", 4)
    await line.cut(1009, "Frame too big")
    line.answer("chat-message", lambda frame: [{"type": "ack", "roomId": "general", "seq": 1, "messageId": "1"}])
    results = await line.page.evaluate("sent.then((all) => all.map(({ reason }) => reason?.code ?? 'stored'))")
    assert results == ["stored", "too-large", "stored", "stored"]
    contents = [frame["content"] for frame in line.of("chat-message")]
    assert [contents.count(content) for content in ("before", "界" * 40, "x" * 60, "after")] == [2, 1, 2, 2]


async def test_a_token_too_big_for_the_server_ends_it(line: Line) -> None:
    line.knows_cookie = False
    line.answer("auth", lambda frame: [])
    await line.run("window.other = new ChatClient(undefined, { token: 'x'.repeat(99), backoffMs: 1 });")
    await line.run("window.failed = other.connect().catch(({ code }) => code);")
    await line.until("other.state === 'connecting'")
    await line.until_sent("auth")
    await line.cut(1009)
    assert await line.page.evaluate("failed") == "disconnected"


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


@pytest.mark.parametrize("code", [1008, 4101])
async def test_all_that_waits_is_refused_when_it_ends(line: Line, code: int) -> None:
    await line.run("window.failed = client.send('get-rooms').catch((error) => error.code);")
    await line.cut(code)
    assert await line.page.evaluate("failed") == "disconnected"


EXPIRING = """
    window.tokens = ["first", "second"];
    window.other = new ChatClient(undefined, { token: %s, backoffMs: 1 });
    window.ends = [];
    other.on("state", ({ state, code }) => state === "closed" && ends.push(code));
    await other.connect();
"""


async def test_an_expired_token_is_replaced_by_a_new_one(line: Line) -> None:
    line.knows_cookie = False
    await line.run(EXPIRING % "async () => tokens.shift()")
    await line.run("window.waiting = other.send('get-rooms');")
    await line.cut(4100, "Token expired")
    line.answer("get-rooms", lambda frame: [{"type": "rooms-list", "rooms": []}])
    assert (await line.page.evaluate("waiting"))["type"] == "rooms-list"
    assert [frame["token"] for frame in line.of("auth")] == ["first", "second"]


async def test_a_new_token_that_is_refused_ends_it(line: Line) -> None:
    line.knows_cookie = False
    await line.run(EXPIRING % "async () => tokens.shift()")
    line.answer("auth", lambda frame: [{"type": "auth-failed", "message": "No"}])
    await line.cut(4100, "Token expired")
    await line.until_sent("auth", 2)
    await line.cut(1008, "Authentication failed")
    await line.until("ends.length === 1")
    await line.page.clock.run_for(HOUR_MS)
    assert len(line.of("auth")) == 2


async def test_a_fixed_token_that_expired_ends_it(line: Line) -> None:
    line.knows_cookie = False
    await line.run(EXPIRING % "'first'")
    await line.cut(4100, "Token expired")
    await line.until("ends.includes(4100)")


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


async def test_nothing_of_one_user_is_sent_in_the_name_of_another(line: Line) -> None:
    await join(line)
    await line.run("client.on('chat', ({ message }) => seen.push(message));")
    await line.run(
        """const post = (type, fields) => client.send(type, fields).catch(({ code }) => code);
        window.unanswered = post("chat-message", { roomId: "general", content: "from alice" });"""
    )
    await line.until_sent("chat-message")
    line.user = BOB
    await line.run("Math.random = () => 1e6;")
    await line.cut(1012)
    await line.until("client.state === 'waiting'")
    await line.run("window.unsent = client.send('get-rooms').catch(({ code }) => code);")
    await line.run("dispatchEvent(new Event('online'));")
    await line.until("client.state === 'closed'")
    assert await line.page.evaluate("Promise.all([unanswered, unsent])") == ["identity-changed"] * 2
    assert await line.page.evaluate("states.at(-1).code") == "identity-changed"
    await line.page.clock.run_for(HOUR_MS)
    assert len(line.sockets) == 2
    assert [len(line.of(kind)) for kind in ("chat-message", "get-rooms", "join-room")] == [1, 0, 1]


async def test_another_token_does_not_change_the_user_either(line: Line) -> None:
    line.knows_cookie = False
    await line.run(EXPIRING % "async () => tokens.shift()")
    line.user = BOB
    await line.cut(1012)
    await line.until("ends.includes('identity-changed')")


async def test_the_user_can_be_named_before_anybody_is_signed_in(line: Line) -> None:
    await line.run("window.other = new ChatClient(undefined, { userId: '2' });")
    await line.run("window.sent = other.send('get-rooms').catch(({ code }) => code);")
    await line.run("window.failed = other.connect().catch(({ code }) => code);")
    assert await line.page.evaluate("Promise.all([sent, failed])") == ["identity-changed"] * 2
    assert not line.of("get-rooms")


async def test_after_disconnect_it_connects_as_another_user(line: Line) -> None:
    await join(line)
    line.user = BOB
    assert (await line.page.evaluate("client.disconnect(), client.connect()"))["username"] == "bob"
    assert len(line.of("join-room")) == 1


@pytest.mark.parametrize(("error", "code"), [({"type": "error", "code": "banned"}, "banned"), (None, "not-in-room")])
async def test_a_removal_from_a_room_says_why(line: Line, error: Frame | None, code: str) -> None:
    await join(line)
    await line.run("client.on('room-lost', ({ roomId, code }) => seen.push(`${roomId} ${code}`))")
    line.send({"type": "error", "code": "muted", "message": "earlier"})
    line.send({"type": "chat", "message": "between"})
    if error:
        line.send({**error, "message": "You are banned"})
    line.send({"type": "room-left", "roomId": "general"})
    await line.until("seen.length >= 1")
    assert await line.page.evaluate("seen") == [f"general {code}"]
    await line.cut(1012)
    await line.until("states.filter(({ state }) => state === 'ready').length === 2")
    assert len(line.of("join-room")) == 1


async def test_a_room_that_was_left_on_purpose_is_not_lost(line: Line) -> None:
    await join(line)
    await line.run("client.on('room-lost', ({ code }) => seen.push(code))")
    await line.run("client.on('room-left', ({ roomId }) => seen.push(`left ${roomId}`))")
    line.answer("leave-room", lambda frame: [{"type": "room-left", "roomId": "general"}])
    await line.page.evaluate("client.send('leave-room', { roomId: 'general' })")
    assert await line.page.evaluate("seen") == ["left general"]


async def test_a_room_that_cannot_be_joined_again_is_lost_and_said_so(line: Line) -> None:
    await join(line)
    await line.run("client.on('room-lost', ({ roomId, code }) => seen.push(`${roomId} ${code}`))")
    line.answer("join-room", lambda frame: [{"type": "error", "code": "banned", "message": "You are banned"}])
    await line.cut(1012)
    await line.until("seen.includes('general banned') && client.state === 'ready'")
