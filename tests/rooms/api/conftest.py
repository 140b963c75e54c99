"""What tests of the API have: alice, who calls with a session, a room, and how many people are in it."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from accounts.models import User
    from rooms.models import Room


@pytest.fixture
def alice(db: None) -> "User":
    from tests.support.factories import make_user

    return make_user("alice")


@pytest.fixture
def api(alice: "User", client: "Client") -> "Client":
    """A client that calls as alice, with a session."""
    client.force_login(alice)
    return client


@pytest.fixture
def room(db: None) -> "Room":
    from tests.support.factories import make_room

    return make_room("lobby", title="The lobby")


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Presence is tested elsewhere: a test says how many people are in which room."""
    from rooms.live import roster

    counts: dict[int, int] = {}
    monkeypatch.setattr(roster, "member_counts", lambda ids: {room_id: counts.get(room_id, 0) for room_id in ids})
    return counts
