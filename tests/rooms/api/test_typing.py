"""Typing over HTTP."""

from typing import Any

import pytest
from django.test import Client

from rooms.live.events import Event
from rooms.models import Room
from tests.support.api import post, refused
from tests.support.rooms import frames

pytestmark = pytest.mark.django_db


def test_typing_is_shown_and_refused(
    api: Client,
    room: Room,
    present: dict[int, int],
    published: list[Event],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        assert post(api, "/api/rooms/lobby/typing", {}).status_code == 204
        assert post(api, "/api/rooms/lobby/typing", {"on": False}).status_code == 204
    assert [frame["on"] for frame in frames(published)] == [True, False]
    present[room.pk] = 101
    with django_capture_on_commit_callbacks(execute=True):
        assert post(api, "/api/rooms/lobby/typing", {}).status_code == 204
    assert len(published) == 2
    Room.objects.update(locked=True)
    assert refused(post(api, "/api/rooms/lobby/typing", {}), 403, "locked")
