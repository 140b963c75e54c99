"""What stands before a project's own application changes requests of the chat, and no others."""

from typing import Any

import pytest

from rooms.sockets.application import hide_secret

SECRET = "whk_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"


def scope_of(path: str) -> dict[str, Any]:
    return {"type": "http", "path": path, "raw_path": path.encode(), "headers": [(b"authorization", b"Bearer own")]}


@pytest.mark.parametrize("path", ["/api/hooks/1/", "/chat/api/hooks/1/"])
@pytest.mark.parametrize("end", ["", "/"])
def test_the_secret_of_a_webhook_is_moved_out_of_the_path(path: str, end: str) -> None:
    scope = scope_of(f"{path}{SECRET}{end}")
    hide_secret(scope)
    assert (scope["path"], scope["raw_path"]) == (path, path.encode())
    assert scope["headers"] == [(b"authorization", f"Bearer {SECRET}".encode())]


@pytest.mark.parametrize("path", ["/shop/api/hooks/1/orders", "/api/hooks/1/", "/api/hooks/1/orders/", "/api/rooms/"])
def test_a_request_that_has_no_secret_of_the_chat_stays_as_it_is(path: str) -> None:
    scope, before = scope_of(path), scope_of(path)
    hide_secret(scope)
    assert scope == before
