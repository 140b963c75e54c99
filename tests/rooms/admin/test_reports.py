"""The queue of reports in the admin: who sees it, what can be done with a report, and what cannot."""

from collections.abc import Callable

import pytest
from django.test import Client

from rooms.models import AuditEntry, Report, Room
from tests.rooms.admin.conftest import Act, Staff
from tests.support.factories import make_room, make_user

pytestmark = pytest.mark.django_db
REPORTS = "/admin/chat_rooms/report/"
Make = Callable[..., Report]


@pytest.fixture
def reviewer(staff: Staff) -> Client:
    return staff("view_report", "change_report")


@pytest.fixture
def make() -> Make:
    def make(**fields: object) -> Report:
        room = make_room(kind=Room.Kind.PRIVATE)
        values = {"kind": "message", "reported_name": "rude-one", "content": "You…", "message_id": 7}
        people = {"reported": fields.pop("reported", None) or make_user("rude-one")}
        people |= {"reporter": fields.pop("reporter", None) or make_user("witness")}
        return Report.objects.create(room=room, room_name=room.name, **values, **people, **fields)

    return make


@pytest.mark.parametrize(("permissions", "status"), [([], 403), (["view_message"], 403), (["view_report"], 200)])
def test_the_queue_is_for_staff_with_its_permission(
    staff: Staff, make: Make, permissions: list[str], status: int
) -> None:
    report, client = make(), staff(*permissions)
    assert client.get(REPORTS).status_code == status
    assert client.get(f"{REPORTS}{report.pk}/change/").status_code == status


def test_a_reviewer_sees_what_a_report_keeps_of_a_private_room_and_who_made_it(reviewer: Client, make: Make) -> None:
    report = make()
    for page in (reviewer.get(REPORTS), reviewer.get(f"{REPORTS}{report.pk}/change/")):
        text = page.content.decode()
        assert "You…" in text
        assert "witness" in text
        assert "rude-one" in text


@pytest.mark.parametrize(
    ("action", "state"),
    [("review", "reviewing"), ("resolve", "resolved"), ("dismiss", "dismissed")],
)
def test_a_report_is_moved_by_an_action_which_is_audited(
    reviewer: Client, make: Make, act: Act, action: str, state: str
) -> None:
    report = make()
    assert "1 report was changed." in act(reviewer, REPORTS, action, report)
    assert "0 reports were changed." in act(reviewer, REPORTS, action, report)
    report.refresh_from_db()
    assert report.state == state
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.door, entry.actor_name) == (f"report-{state}", "admin", report.handled_by.username)
    assert "1 report was changed." in act(reviewer, REPORTS, "reopen", report)
    report.refresh_from_db()
    assert (report.state, report.settled_at) == ("open", None)


def test_a_report_that_was_made_again_is_not_opened_again(reviewer: Client, make: Make, act: Act) -> None:
    report = make()
    act(reviewer, REPORTS, "dismiss", report)
    make(reporter=report.reporter, reported=report.reported)
    page = act(reviewer, REPORTS, "reopen", report)
    assert "The report of rude-one stays as it is" in page
    report.refresh_from_db()
    assert report.state == "dismissed"


def test_who_may_only_look_moves_nothing(staff: Staff, make: Make) -> None:
    report, client = make(), staff("view_report")
    client.post(REPORTS, {"action": "resolve", "_selected_action": [report.pk]})
    client.post(f"{REPORTS}{report.pk}/change/", {"note": "mine"})
    report.refresh_from_db()
    assert (report.state, report.note) == ("open", "")


def test_a_note_is_written_and_nothing_else_of_a_report(reviewer: Client, make: Make) -> None:
    report = make()
    form = {"note": "Talked to them", "state": "resolved", "content": "forged", "reason": "forged"}
    assert reviewer.post(f"{REPORTS}{report.pk}/change/", form).status_code == 302
    report.refresh_from_db()
    assert (report.note, report.state, report.content, report.reason) == ("Talked to them", "open", "You…", "")
    assert AuditEntry.objects.get().action == "report-note"


def test_reports_are_neither_made_nor_deleted_by_hand(staff: Staff, make: Make) -> None:
    client = staff("view_report", "change_report", "add_report", "delete_report")
    assert client.get(f"{REPORTS}add/").status_code == 403
    assert client.post(f"{REPORTS}{make().pk}/delete/", {"post": "yes"}).status_code == 403
