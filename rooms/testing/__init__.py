"""A client for a project's own tests: it talks to the chat without a server, inside the test's transaction.

    with ChatClient(alice) as chat:
        chat.join("general")

pytest has it as the fixture `chat_client`, Django's test cases as `ChatTestCase`. docs/testing.md shows how.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rooms.testing.cases import ChatTestCase, ChatTransactionTestCase
    from rooms.testing.client import ChatClient
    from rooms.testing.log import Failure

__all__ = ["ChatClient", "ChatTestCase", "ChatTransactionTestCase", "Failure"]
_MODULES = {"ChatClient": "client", "Failure": "log"}


def __getattr__(name: str) -> Any:
    """Not at the import of the package: pytest loads its plugin before Django has its settings."""
    if name not in __all__:
        raise AttributeError(f"module 'rooms.testing' has no attribute {name!r}")
    return getattr(import_module(f"rooms.testing.{_MODULES.get(name, 'cases')}"), name)
