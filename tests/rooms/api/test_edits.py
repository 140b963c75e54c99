"""Editing over HTTP: the same service, the same refusals."""

import pytest
from django.test import Client

from accounts.models import User
from rooms.models import Message, Room
from tests.support.factories import make_message, make_user
from tests.support.rooms import restrict

pytestmark = pytest.mark.django_db


def edit(api: Client, message: Message, content: str = "first", **fields: object) -> tuple[int, dict[str, object]]:
    path = f"/api/rooms/lobby/messages/{message.pk}"
    answer = api.patch(path, {"content": content, **fields}, content_type="application/json")
    return answer.status_code, answer.json()


def test_an_author_edits_a_message_and_gets_it_whole(api: Client, alice: User, room: Room) -> None:
    message = make_message(room, alice, "frist")
    status, edited = edit(api, message)
    assert (status, edited["content"], edited["seq"], edited["changedSeq"]) == (200, "first", 1, 2)
    assert edited["editedAt"]
    status, refused = edit(api, message, "First", ifChangedSeq=1)
    assert (status, refused["code"], refused["current"]) == (409, "conflict", edited)


def test_a_message_of_another_is_not_edited_and_one_s_own_not_for_ever(
    api: Client, alice: User, room: Room, settings: object
) -> None:
    assert edit(api, make_message(room, make_user("bob")))[1]["code"] == "forbidden"
    settings.CHAT_EDIT_WINDOW_S = 0  # type: ignore[attr-defined]
    status, refused = edit(api, make_message(room, alice))
    assert (status, refused["code"]) == (403, "edit-window-over")


def test_moderators_read_what_a_message_said_before(api: Client, alice: User, room: Room) -> None:
    message = make_message(room, alice, "frist")
    edit(api, message)
    path = f"/api/rooms/lobby/messages/{message.pk}/versions"
    assert api.get(path).json()["code"] == "forbidden"
    restrict(room, alice, role="moderator")
    [version] = api.get(path).json()["versions"]
    assert version["content"] == "frist"
