"""Reports over HTTP: the same refusals as over the socket, and an answer that says nothing."""

import pytest
from django.test import Client

from accounts.models import User
from rooms.models import Report, Room
from tests.support.api import post, refused
from tests.support.factories import make_message, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def message_id(room: Room) -> int:
    """Of something that bob has said in the room."""
    return make_message(room, make_user("bob"), "rude").pk


def test_a_message_is_reported_once(api: Client, alice: User, message_id: int) -> None:
    for reason in ("first", "second"):
        answer = post(api, f"/api/rooms/lobby/messages/{message_id}/report", {"reason": reason})
        assert (answer.status_code, answer.content) == (204, b"")
    report = Report.objects.get()
    assert (report.reporter, report.message_id, report.reason, report.content) == (alice, message_id, "first", "rude")


@pytest.mark.parametrize("body", [{"reason": "spam"}, {"reason": "spam", "roomId": "lobby"}])
def test_a_person_is_reported(api: Client, message_id: int, body: dict[str, str]) -> None:
    assert post(api, "/api/users/bob/report", body).status_code == 204
    report = Report.objects.get()
    assert (report.reported_name, report.room_name) == ("bob", body.get("roomId", ""))


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("rooms/lobby/messages/999999/report", 404, "no-such-message"),
        ("rooms/nowhere/messages/1/report", 404, "no-such-room"),
        ("users/nobody/report", 404, "no-such-user"),
        ("users/alice/report", 409, "conflict"),
    ],
)
def test_what_cannot_be_reported_is_refused(api: Client, room: Room, path: str, status: int, code: str) -> None:
    assert refused(post(api, f"/api/{path}", {"reason": ""}), status, code)
    assert not Report.objects.exists()


@pytest.mark.parametrize("body", [{}, {"reason": "x" * 501}, {"reason": "a\0b"}, {"reason": 1}])
def test_a_reason_is_a_short_text(api: Client, message_id: int, body: object) -> None:
    assert refused(post(api, f"/api/rooms/lobby/messages/{message_id}/report", body), 400, "bad-frame")


def test_nobody_reports_without_signing_in(message_id: int) -> None:
    assert refused(
        post(Client(), f"/api/rooms/lobby/messages/{message_id}/report", {"reason": ""}), 401, "auth-required"
    )
