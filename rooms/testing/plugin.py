"""The pytest plugin: the fixture `chat_client`. The only module of `rooms` that imports pytest."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rooms.testing.client import ChatClient


@pytest.fixture
def chat_client(db: None) -> Iterator[Callable[..., "ChatClient"]]:  # noqa: ARG001 - clients need the database
    """Makes chat clients: `with chat_client(user) as chat`. What a test leaves open is closed after it."""
    from rooms.testing.client import ChatClient

    with ExitStack() as made:

        def make(user: Any = None, **how: Any) -> ChatClient:
            client = ChatClient(user, **how)
            made.callback(client.close)
            return client

        yield make
