"""Slash commands over HTTP: answered in place of a message, with a session; the list in the reader's language."""

import pytest
from django.test import Client

from accounts.models import User
from rooms.models import Membership, Message, Room
from rooms.project import post_message
from tests.support.api import post, refused

pytestmark = pytest.mark.django_db
MESSAGES = "/api/rooms/lobby/messages"


def test_a_command_is_answered_in_place_of_a_message(api: Client, alice: User, room: Room) -> None:
    assert refused(post(api, MESSAGES, {"content": "/topic news"}), 403, "forbidden")
    Membership.objects.create(room=room, user=alice, role=Membership.Role.MODERATOR)
    answer = post(api, MESSAGES, {"content": "/topic news"})
    result = {"type": "command-result", "roomId": "lobby", "command": "topic", "text": "The topic was changed."}
    assert (answer.status_code, answer.json()) == (200, result)
    assert refused(post(api, MESSAGES, {"content": "/topics"}), 400, "unknown-command")
    assert refused(post(api, MESSAGES, {"content": "/topic a\u0000b"}), 400, "bad-frame")
    assert refused(post(api, MESSAGES, {"content": "/topic", "attachments": ["a" * 32]}), 400, "bad-frame")
    assert not Message.objects.exclude(kind="system").exists()


def test_what_one_does_and_a_text_with_a_slash_are_messages(api: Client, alice: User, room: Room) -> None:
    answer = post(api, MESSAGES, {"content": "/me waves", "clientId": "c"})
    assert (answer.status_code, answer.json()["kind"], answer.json()["content"]) == (201, "action", "waves")
    assert post(api, MESSAGES, {"content": "/me waves", "clientId": "c"}).status_code == 200
    assert post(api, MESSAGES, {"content": "//me"}).json()["content"] == "/me"


def test_the_sites_own_code_posts_texts(alice: User, room: Room) -> None:
    assert post_message(room, alice, "/topic news").content == "/topic news"


def test_commands_are_listed_in_the_language_of_the_request(api: Client, alice: User, room: Room) -> None:
    path = "/api/rooms/lobby/commands"
    me = api.get(path).json()["commands"][0]
    assert me == {"name": "me", "help": "says what you are doing", "usage": "what I do"}
    assert api.get(path, headers={"Accept-Language": "zh-hans"}).json()["commands"][0]["help"] == "说明你在做什么"
    assert refused(api.get("/api/rooms/nothing/commands"), 404, "no-such-room")
