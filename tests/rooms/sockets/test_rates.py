"""What a socket may send: each command counts against its bucket, each frame against the connection's."""

import pytest
from django.conf import LazySettings

from rooms.conf import RATES
from rooms.live.node import Node
from rooms.models import Room
from rooms.protocol.commands import COMMANDS
from rooms.protocol.commands.base import Command
from rooms.sockets.rates import COUNTED_ELSEWHERE
from tests.rooms.sockets.test_consumer import Socket, signed_in, socket  # noqa: F401 - fixtures
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)
OF_EACH = [
    ("create-room", {"roomId": "new"}, "new-rooms"),
    ("join-room", {"roomId": "hall"}, "joins"),
    ("leave-room", {"roomId": "hall"}, "joins"),
    ("get-rooms", {}, "requests"),
    ("get-online-users", {}, "requests"),
    ("get-history", {"roomId": "hall"}, "reads"),
    ("chat", {"message": "hi"}, "broadcasts"),
    ("admin-broadcast", {"content": "hi"}, "broadcasts"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__struct_config__.tag)
def test_every_command_names_a_bucket_that_there_is(command: type[Command]) -> None:
    assert command.bucket in RATES
    assert command.before_auth or command.bucket != "frames", "what needs a user counts against the user"


def setting_of(bucket: str) -> str:
    return RATES[bucket]


@pytest.mark.parametrize(("kind", "fields", "bucket"), OF_EACH, ids=[one[0] for one in OF_EACH])
async def test_a_command_too_many_is_refused_by_its_bucket(
    signed_in: Socket,  # noqa: F811
    settings: LazySettings,
    kind: str,
    fields: dict[str, str],
    bucket: str,
) -> None:
    setattr(settings, setting_of(bucket), "1/min burst 1")
    signed_in.say(type=kind, id="1", **fields)
    assert (await signed_in.answer("1")).get("code") != "rate-limited"
    signed_in.say(type=kind, id="2", **fields)
    refusal = await signed_in.answer("2")
    assert (refusal["code"], refusal["bucket"], refusal["retryable"]) == ("rate-limited", bucket, True)
    assert 59_000 < refusal["retryAfterMs"] <= 60_000
    signed_in.say(type="ping", id="3")
    assert (await signed_in.answer("3"))["type"] == "pong"


@pytest.mark.parametrize("kind", ["chat-message", "room-message"])
async def test_a_message_too_many_is_refused_and_nothing_of_it_is_stored(
    signed_in: Socket,  # noqa: F811
    settings: LazySettings,
    hall: Room,
    kind: str,
) -> None:
    settings.CHAT_RATE_ROOM_MESSAGES = "1/min burst 2"
    for number in "123":
        signed_in.say(type=kind, id=number, roomId="hall", content=number)
    refusal = await signed_in.answer("3")
    assert (refusal["code"], refusal["bucket"]) == ("rate-limited", "room-messages")
    await signed_in.answer("2")
    history = await _history(signed_in)
    assert history == ["1", "2"]


async def test_a_message_that_is_sent_again_is_acknowledged_again(
    signed_in: Socket,  # noqa: F811
    settings: LazySettings,
) -> None:
    settings.CHAT_RATE_MESSAGES = "1/min burst 1"
    for number in "123":
        signed_in.say(type="chat-message", id=number, clientId="same", roomId="hall", content="once")
    answers = [await signed_in.answer(number) for number in "123"]
    assert [(answer["type"], answer["seq"]) for answer in answers] == [("ack", 1)] * 3


async def test_a_room_that_is_made_by_joining_counts_as_made(
    signed_in: Socket,  # noqa: F811
    settings: LazySettings,
) -> None:
    settings.CHAT_RATE_NEW_ROOMS = "1/min burst 1"
    signed_in.say(type="join-room", id="1", roomId="one")
    assert (await signed_in.answer("1"))["type"] == "room-joined"
    signed_in.say(type="join-room", id="2", roomId="two")
    assert (await signed_in.answer("2"))["bucket"] == "new-rooms"
    signed_in.say(type="join-room", id="3", roomId="hall")
    assert (await signed_in.answer("3"))["type"] == "room-joined", "it was there before"
    signed_in.say(type="get-rooms", id="4")
    assert {room["id"] for room in (await signed_in.answer("4"))["rooms"]} == {"hall", "one"}


@pytest.mark.parametrize("text", ['{"type":"ping","id":"x"}', '{"type":"wave","id":"x"}', '{"id":"x",'])
async def test_frames_of_any_kind_are_bounded(socket: Socket, settings: LazySettings, text: str) -> None:  # noqa: F811
    settings.CHAT_RATE_FRAMES = "1/min burst 3"
    for _ in range(5):
        socket.say_text(text)
    await eventually(lambda: len(socket.frames) == 6)
    codes = [frame.get("code", frame["type"]) for frame in socket.frames[1:]]
    assert codes[3:] == ["rate-limited"] * 2
    assert "rate-limited" not in codes[:3]
    assert {frame["bucket"] for frame in socket.frames[4:]} == {"frames"}


async def test_a_binary_frame_counts_too(socket: Socket, settings: LazySettings) -> None:  # noqa: F811
    settings.CHAT_RATE_FRAMES = "1/min burst 1"
    for _ in range(2):
        socket.queue.put_nowait({"type": "websocket.receive", "bytes": b"x"})
    await eventually(lambda: len(socket.frames) == 3)
    assert [frame["code"] for frame in socket.frames[1:]] == ["bad-frame", "rate-limited"]


async def test_who_sends_on_all_the_same_is_disconnected(socket: Socket, settings: LazySettings) -> None:  # noqa: F811
    settings.CHAT_RATE_FRAMES, settings.CHAT_RATE_VIOLATIONS = "1/min burst 1", "1/min burst 3"
    for _ in range(20):
        socket.say(type="ping")
    await eventually(lambda: socket.close == (4104, "Too many violations"))
    assert [frame["type"] for frame in socket.frames] == ["welcome", "pong", *["error"] * 4]


async def test_other_refusals_disconnect_nobody(signed_in: Socket, settings: LazySettings) -> None:  # noqa: F811
    settings.CHAT_RATE_VIOLATIONS = "1/min burst 1"
    for number in range(5):
        signed_in.say(type="chat-message", id=f"{number}", roomId="elsewhere", content="hi")
    assert (await signed_in.answer("4"))["code"] == "not-in-room"
    assert signed_in.close is None


async def test_two_sockets_of_a_user_share_one_bucket(
    signed_in: Socket,  # noqa: F811
    node: Node,
    settings: LazySettings,
) -> None:
    settings.CHAT_RATE_MESSAGES = "1/min burst 1"
    signed_in.say(type="chat-message", id="1", roomId="hall", content="hi")
    await signed_in.answer("1")
    other = Socket(node)
    await eventually(lambda: other.frames)
    [other.connection] = [one for one in node.connections.values() if one.identity is None]
    other.connection.identity = signed_in.connection.identity
    await other.join("hall")
    other.say(type="chat-message", id="2", roomId="hall", content="hi")
    assert (await other.answer("2"))["bucket"] == "messages"
    await other.hang_up()


def test_what_is_counted_elsewhere_has_a_rate() -> None:
    assert set(RATES) >= COUNTED_ELSEWHERE


async def _history(socket: Socket) -> list[str]:  # noqa: F811
    socket.say(type="get-history", id="history", roomId="hall")
    return [message["content"] for message in (await socket.answer("history"))["messages"]]
