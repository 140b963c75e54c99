"""Files that no message has are deleted: rows and what is stored, as often as it takes."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.utils import timezone

from rooms.models import Attachment, Message
from rooms.services import attachments, sweeping
from tests.support.factories import make_message, make_room
from tests.support.pictures import picture, uploaded

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    options = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "default": options}
    return tmp_path


def stored(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def sweep() -> int:
    return sum(sweeping.sweep())


def attached(user: Any, content: bytes = b"text") -> Attachment:
    """A file of a message of a room of its own."""
    row = uploaded(user, content)
    message = make_message(make_room(), user, file_count=1)
    Attachment.objects.filter(pk=row.pk).update(message=message, attached_at=timezone.now())
    row.refresh_from_db()
    return row


def age(row: Attachment, hours: int) -> None:
    Attachment.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(hours=hours))


def test_what_waits_too_long_is_deleted_and_what_was_sent_is_not(people: SimpleNamespace, folder: Path) -> None:
    old, new, sent = uploaded(people.alice), uploaded(people.alice), attached(people.alice)
    for row, hours in ((old, 25), (new, 23), (sent, 999)):
        age(row, hours)
    assert sweeping.unneeded() == 1
    assert (sweep(), stored(folder)) == (1, 2)
    assert set(Attachment.objects.values_list("pk", flat=True)) == {new.pk, sent.pk}
    assert sweep() == 0


def test_without_hours_they_wait_for_ever(people: SimpleNamespace, settings: Any) -> None:
    settings.CHAT_UNATTACHED_HOURS = 0
    age(uploaded(people.alice), 9_999)
    assert sweep() == 0


@pytest.mark.parametrize("how", ["message", "room", "release", "owner"])
def test_what_lost_its_message_or_its_owner_is_deleted(people: SimpleNamespace, folder: Path, how: str) -> None:
    row = uploaded(people.bob) if how == "owner" else attached(people.alice, picture(size=(900, 600)))
    assert sweep() == 0
    match how:
        case "message":
            Message.objects.all().delete()
        case "room":
            row.message.room.delete()  # type: ignore[union-attr]  # it has one
        case "release":
            attachments.release([row.message_id])
        case "owner":
            people.bob.delete()
    assert (sweep(), stored(folder), Attachment.objects.count()) == (1, 0, 0)


def test_what_the_storage_fails_to_delete_is_tried_again_and_keeps_nobody_from_the_others(
    people: SimpleNamespace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "ROWS", 1)
    rows = [uploaded(people.alice) for _ in range(3)]
    for row in rows:
        age(row, 25)
    stuck, delete = min(rows, key=lambda row: row.pk), FileSystemStorage.delete

    def fail(self: Any, name: str) -> None:
        if name == stuck.path:
            raise OSError("away")
        delete(self, name)

    with monkeypatch.context() as patched:
        patched.setattr(FileSystemStorage, "delete", fail)
        assert (sweep(), stored(folder)) == (2, 1)
    assert (sweep(), stored(folder)) == (1, 0)


def test_an_upload_that_was_broken_off_goes_with_what_it_had_stored(people: SimpleNamespace, folder: Path) -> None:
    row = uploaded(people.alice)
    Attachment.objects.filter(pk=row.pk).update(is_stored=False)
    age(row, 25)
    assert (sweep(), stored(folder)) == (1, 0)


def test_a_file_that_is_gone_already_does_not_keep_its_row(people: SimpleNamespace, folder: Path) -> None:
    row = uploaded(people.alice)
    age(row, 25)
    (folder / row.path).unlink()
    assert (sweep(), Attachment.objects.count()) == (1, 0)
