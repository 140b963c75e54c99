"""Who is online, over HTTP."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from rooms.live import roster
from rooms.live.presence import Online

pytestmark = pytest.mark.django_db


def test_online_users_have_the_shape_of_the_socket(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    since = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
    monkeypatch.setattr(roster, "online", lambda: [Online("7", "bob", since, "192.0.2.7")])
    user = {"id": "7", "username": "bob", "authenticatedAt": "2026-01-02T03:04:05.678Z"}
    assert api.get("/api/online").json() == {"users": [user]}  # without the address: that is for the admin
