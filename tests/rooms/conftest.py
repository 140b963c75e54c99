"""What tests of storage and of services have: a database of each kind, and writers with connections of their own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rooms.live.events import Event
    from tests.support.rooms import Run, World, Writers
    from tests.support.servers import Database


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind in turn."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def writers(url: str, django_db_blocker: Any) -> Iterator[Callable[[], "Database"]]:
    """Makes one more thread with a connection of its own, as another process would have it."""
    from tests.support.servers import Database

    with ExitStack() as stack:

        def make() -> Database:
            database = Database(url, django_db_blocker)
            stack.callback(database.close)
            return database

        yield make


@pytest.fixture
def run(writers: "Writers") -> "Run":
    """Runs a function against the database."""
    return writers().run


@pytest.fixture
def world(run: "Run") -> "World":
    from tests.support.rooms import World

    found: World = run(World.make)
    return found


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list["Event"]:
    """What services publish, instead of its being published."""
    from rooms.services import publishing

    events: list[Event] = []
    monkeypatch.setattr(publishing, "publish", events.extend)
    return events
