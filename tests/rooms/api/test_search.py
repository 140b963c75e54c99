"""Searching over HTTP."""

import pytest
from django.test import Client

from rooms.models import Room
from rooms.services.posting import post_message
from rooms.services.search import index_room
from tests.support.api import refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def said(api: Client, alice: object, room: Room) -> None:
    for content in ("a word", "another word", "nothing"):
        post_message(room_id=room.pk, author_id=alice.pk, content=content)  # type: ignore[attr-defined]
    index_room(room_id=room.pk)


def test_messages_are_found_page_by_page(api: Client, said: None) -> None:
    first = api.get("/api/search", {"query": "word", "limit": "1"}).json()
    assert [result["message"]["content"] for result in first["results"]] == ["another word"]
    assert first["results"][0]["snippet"] == [{"text": "another ", "hit": False}, {"text": "word", "hit": True}]
    second = api.get("/api/search", {"query": "word", "before": first["next"], "roomId": "lobby"}).json()
    assert [result["message"]["content"] for result in second["results"]] == ["a word"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({}, 400, "bad-frame"),
        ({"query": "..."}, 400, "bad-frame"),
        ({"query": "word", "before": "x"}, 400, "bad-frame"),
        ({"query": "word", "roomId": "nowhere"}, 404, "no-such-room"),
    ],
)
def test_what_cannot_be_searched_is_refused(api: Client, query: dict[str, str], status: int, code: str) -> None:
    assert refused(api.get("/api/search", query), status, code)
