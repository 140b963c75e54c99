"""Files in the admin: listed, opened and deleted by staff with permission, and by nobody else."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from rooms.models import Attachment, AuditEntry, Message, Report, Room
from rooms.services import rooms
from tests.support.factories import make_message, make_room, make_user
from tests.support.pictures import uploaded

pytestmark = pytest.mark.django_db
FILES = "/admin/chat_rooms/attachment/"
Staff = Callable[..., Client]
Act = Callable[..., str]


def sent(name: str, kind: str = Room.Kind.PUBLIC) -> Attachment:
    """A file of a message of alice's, in a room of this kind."""
    alice = make_user()
    row, message = uploaded(alice, b"some text", name), make_message(make_room(kind=kind), alice, file_count=1)
    Attachment.objects.filter(pk=row.pk).update(message=message, attached_at=timezone.now())
    row.refresh_from_db()
    return row


def opened(client: Client, row: Attachment) -> tuple[int, bytes]:
    response: Any = client.get(f"{FILES}{row.pk}/open/")
    content = response.getvalue()
    assert response.status_code != 200 or response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    return response.status_code, content


def test_staff_find_and_open_files_of_messages(staff: Staff) -> None:
    row = sent("notes.txt")
    uploaded(make_user(), b"draft", "draft.txt")
    client = staff("view_attachment")
    page = client.get(FILES, {"q": "txt"}).content.decode()
    assert "notes.txt" in page
    assert "draft.txt" not in page, "which nobody has sent"
    assert opened(client, row) == (200, b"some text")


def test_a_file_of_a_private_room_needs_a_permission(staff: Staff) -> None:
    row = sent("secret.txt", Room.Kind.PRIVATE)
    client, seeing = staff("view_attachment"), staff("view_attachment", "see_private")
    assert "secret.txt" not in client.get(FILES).content.decode()
    assert opened(client, row)[0] == 404
    assert opened(seeing, row)[0] == 200


def test_files_of_a_removed_room_are_gone_at_once(staff: Staff) -> None:
    row = sent("notes.txt")
    rooms.remove_room(room_id=Room.objects.get().pk)
    client = staff("view_attachment", "see_private")
    assert "notes.txt" not in client.get(FILES).content.decode()
    assert opened(client, row)[0] == 404


def test_without_the_permission_nothing_is_opened(staff: Staff) -> None:
    row = sent("notes.txt")
    assert opened(staff("view_message", "see_private"), row)[0] == 403
    visitor: Any = Client().get(f"{FILES}{row.pk}/open/")
    assert visitor.status_code == 302


def test_deleting_a_file_leaves_its_message_and_is_in_the_log(staff: Staff, act: Act) -> None:
    row = sent("notes.txt")
    page = act(staff("view_attachment", "delete_attachment"), FILES, "delete", row)
    assert "1 file was deleted." in page
    message = Message.objects.get()
    assert (message.file_count, message.deleted_at, message.changed_seq) == (0, None, 2)
    [entry] = AuditEntry.objects.all()
    assert (entry.action, entry.door, entry.details["file"]) == ("delete-file", "admin", row.pk)


def test_only_viewing_deletes_nothing(staff: Staff) -> None:
    row = sent("notes.txt")
    staff("view_attachment").post(FILES, {"action": "delete", "_selected_action": [row.pk]}, follow=True)
    assert Message.objects.get().file_count == 1


def test_a_report_leads_to_the_files_of_its_message(staff: Staff) -> None:
    row = sent("notes.txt")
    report = Report.objects.create(kind="message", message_id=row.message_id, reported_name="alice")
    page = staff("view_report").get(f"/admin/chat_rooms/report/{report.pk}/change/").content.decode()
    assert f'href="{FILES}{row.pk}/open/"' in page
