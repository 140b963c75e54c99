"""What goes wrong below the frames: it ends its own socket, with the close code that says why, and no other."""

from contextlib import suppress

import pytest
from websockets import ConnectionClosed

from tests.flows.frames import undisturbed
from tests.support.client import ChatClient
from tests.support.servers import Person, ServerProcess

PING = '{"type": "ping"}'


@pytest.mark.parametrize("size", [65_537, 1_000_000])
async def test_a_frame_too_large_closes_its_socket_alone(
    server: ServerProcess, admin: Person, alice: Person, room: str, size: int
) -> None:
    async with undisturbed(server, alice, room), ChatClient.connect(server.ws_url, admin.token) as client:
        await client.send_text(PING + " " * (65_536 - len(PING)))
        await client.expect("pong")
        with suppress(ConnectionClosed):  # it may be closed before all is sent
            await client.send_text(" " * size)
        assert (await client.closed())[0] == 1009


async def test_many_small_frames_of_one_message_too_large_close_it(server: ServerProcess, admin: Person) -> None:
    async with ChatClient.connect(server.ws_url, admin.token) as client:
        with suppress(ConnectionClosed):
            await client.socket.send(" " * 10_000 for _ in range(100))
        assert (await client.closed())[0] == 1009


def _frame(first: int, payload: bytes) -> bytes:
    """A frame with this first byte, masked with zeros: 0x80 ends a message, 0x40 is reserved, then comes the opcode."""
    return bytes((first, 0x80 | len(payload))) + bytes(4) + payload


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (_frame(0x81, b'{"type": "\xff\xfe"}'), 1007),
        (_frame(0x80, b"no beginning"), 1002),
        (_frame(0xC1, b"x"), 1002),
        (_frame(0x83, b"x"), 1002),
    ],
    ids=["no UTF-8", "a continuation of nothing", "a reserved bit", "an unknown opcode"],
)
async def test_a_broken_line_is_closed_alone(  # noqa: PLR0917 - who sends what where, and what comes of it
    server: ServerProcess, admin: Person, alice: Person, room: str, frame: bytes, code: int
) -> None:
    async with undisturbed(server, alice, room), ChatClient.connect(server.ws_url, admin.token) as client:
        client.socket.transport.write(frame)
        assert (await client.closed())[0] == code
