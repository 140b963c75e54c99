"""Pinning in the admin: by the service, and only for those who moderate messages."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from rooms.models import AuditEntry
from tests.support.factories import make_message, make_room, make_user

pytestmark = pytest.mark.django_db
MESSAGES = "/admin/chat_rooms/message/"
Act = Callable[..., str]


def test_messages_are_pinned_and_unpinned(moderator: Client, act: Act) -> None:
    message = make_message(make_room("garden"), make_user())
    assert "1 message was changed." in act(moderator, MESSAGES, "pin", message)
    message.refresh_from_db()
    assert message.pinned_at
    assert "1 message was changed." in act(moderator, MESSAGES, "unpin", message)
    message.refresh_from_db()
    assert message.pinned_at is None
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "door")) == [
        ("pin", "admin"),
        ("unpin", "admin"),
    ]


def test_one_too_many_is_left_and_said(moderator: Client, act: Act, settings: LazySettings) -> None:
    settings.CHAT_MAX_PINS = 1
    room, author = make_room("garden"), make_user()
    make_message(room, author, pinned_at="2026-01-02T00:00:00Z")
    message = make_message(room, author)
    page = act(moderator, MESSAGES, "pin", message)
    assert "Garden #2: A room has 1 pinned messages at most" in page
    assert "0 messages were changed." in page


def test_in_a_closed_room_nothing_is_pinned_or_unpinned(moderator: Client, act: Act) -> None:
    room, author = make_room("garden", closed_at="2026-01-02T00:00:00Z"), make_user()
    pinned = make_message(room, author, pinned_at="2026-01-02T00:00:00Z")
    for action, message in (("pin", make_message(room, author)), ("unpin", pinned)):
        before = message.pinned_at
        assert "0 messages were changed." in act(moderator, MESSAGES, action, message)
        message.refresh_from_db()
        assert (message.pinned_at is None) == (before is None)
    assert not AuditEntry.objects.exists()


def test_who_may_only_read_pins_nothing(staff: Any, act: Act) -> None:
    message = make_message(make_room(), make_user())
    act(staff("view_message"), MESSAGES, "pin", message)
    message.refresh_from_db()
    assert message.pinned_at is None
