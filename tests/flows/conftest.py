"""What every flow has: one server of each kind for all of them, and people and rooms that no other flow meets."""

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.servers import Person, ServerProcess

_numbers = itertools.count(1)
UNLIMITED = {"CHAT_SIGN_IN_ADDRESS_FAILURES": "0"}  # all flows come from one address


@pytest.fixture(scope="session")
def _start(
    tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path, django_db_blocker: Any
) -> Iterator[Callable[..., "ServerProcess"]]:
    """A server of a kind and with these variables, started when it is first asked for."""
    from tests.support.servers import Database, ServerProcess

    with ExitStack() as started:

        @cache
        def start(kind: Any, **variables: str) -> ServerProcess:
            folder = tmp_path_factory.mktemp(kind)
            path = shutil.copyfile(_sqlite_template, folder / "chat.sqlite3")
            database = Database(f"sqlite:///{path}", django_db_blocker)
            env = {**UNLIMITED, **variables}
            return started.enter_context(ServerProcess(kind, folder=folder, database=database, env=env))

        yield start


@pytest.fixture(params=["uvicorn", "daphne"])
def server(request: pytest.FixtureRequest, _start: Callable[..., "ServerProcess"]) -> "ServerProcess":
    """Each of the two servers in turn, with default settings. All flows share them: stop and starve only your own."""
    return _start(request.param)


@pytest.fixture
def uvicorn_server(_start: Callable[..., "ServerProcess"]) -> "ServerProcess":
    """The production server, shared as `server` is."""
    return _start("uvicorn")


def _newcomer(server: "ServerProcess", name: str, **fields: Any) -> "Person":
    return server.person(f"{name}-{next(_numbers)}", **fields)


@pytest.fixture
def alice(server: "ServerProcess") -> "Person":
    return _newcomer(server, "alice")


@pytest.fixture
def bob(server: "ServerProcess") -> "Person":
    return _newcomer(server, "bob")


@pytest.fixture
def carol(server: "ServerProcess") -> "Person":
    return _newcomer(server, "carol")


@pytest.fixture
def admin(server: "ServerProcess") -> "Person":
    return _newcomer(server, "admin", is_staff=True, is_superuser=True)


@pytest.fixture
def room() -> str:
    """The name of a room that nobody has been in."""
    return f"room-{next(_numbers)}"
