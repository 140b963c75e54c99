"""A WebSocket handshake on a path that the chat does not serve is refused by status, in one line of the log."""

import pytest
from websockets import InvalidStatus

from tests.support.client import ChatClient
from tests.support.servers import ServerProcess


@pytest.mark.parametrize("path", ["/", "/ws/more", "/wss", "/api/ws", "/%0a", "/\u00fc/%ff"])
async def test_an_unknown_socket_path_is_not_found(server: ServerProcess, path: str) -> None:
    url = server.ws_url.removesuffix("/ws") + path
    with pytest.raises(InvalidStatus) as refusal:
        async with ChatClient.connect(url):
            pass
    assert refusal.value.response.status_code == (404 if server.kind == "uvicorn" else 403)  # daphne knows no other
    assert "Traceback" not in server.tail()
    assert "without completing handshake" not in server.tail()
    assert "socket.unknown_path" in server.tail(2_000)
