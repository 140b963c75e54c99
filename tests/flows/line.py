"""A bare line to the server, with nobody at its end who reads it or answers pings."""

import socket

from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from tests.support.servers import ServerProcess


def joined_line(server: ServerProcess, token: str, room: str) -> socket.socket:
    """A socket that has signed in and asked to join a room; its buffer is small, and no answer is read."""
    line = socket.create_connection(("127.0.0.1", server.port), timeout=5)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    protocol = ClientProtocol(parse_uri(server.ws_url))
    protocol.send_request(protocol.connect())
    line.sendall(b"".join(protocol.data_to_send()))
    received = b""
    while b"\r\n\r\n" not in received:
        received += line.recv(4096)
    protocol.receive_data(received)
    assert protocol.handshake_exc is None
    for text in (f'{{"type": "auth", "token": "{token}"}}', f'{{"type": "join-room", "roomId": "{room}"}}'):
        protocol.send_text(text.encode())
        line.sendall(b"".join(protocol.data_to_send()))
    return line
