"""Uploading: what is taken, how much in a day, and that what fails leaves nothing behind."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import DatabaseError
from django.utils import timezone
from PIL import Image

from rooms import files
from rooms.errors import ChatError, Forbidden, InvalidAttachment, RateLimited, TooLarge, Unavailable
from rooms.models import Attachment
from rooms.services import uploads
from tests.support.pictures import bomb, photograph, picture, uploaded
from tests.support.rooms import Run, World, Writers, at_once

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        },
    }
    return tmp_path


def stored(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def test_a_file_is_stored_as_it_is_under_a_name_that_says_nothing(people: SimpleNamespace, folder: Path) -> None:
    row = uploaded(people.alice, b"some text", "../no\u202etes.txt")
    assert (row.name, row.size, row.content_type) == ("notes.txt", 9, "application/octet-stream")
    assert stored(folder) == [b"some text"]
    assert row.pk not in row.path
    assert len(row.pk) == 32
    row.refresh_from_db()
    assert (row.owner, row.message, row.attached_at, row.is_stored) == (people.alice, None, None, True)


def test_an_image_is_stored_anew_with_its_size_and_a_thumbnail(people: SimpleNamespace, folder: Path) -> None:
    row = uploaded(people.alice, photograph((900, 600)), "me.png")
    assert (row.content_type, row.width, row.height, row.name) == ("image/jpeg", 600, 900, "me.png")
    with files.opened(row.path) as file:
        assert row.size == len(file.read())
    with files.opened(row.thumbnail_path) as thumbnail:
        assert Image.open(thumbnail).size == (320, 480)
    assert not [content for content in stored(folder) if b"At home" in content]


def test_what_only_calls_itself_an_image_is_data(people: SimpleNamespace) -> None:
    row = uploaded(people.alice, b"<svg onload='alert(1)'/>", "x.png")
    assert (row.content_type, row.width, row.thumbnail_path) == ("application/octet-stream", None, "")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", InvalidAttachment),
        (b"x" * 1_001, TooLarge),
        (bomb(30_000, 30_000), InvalidAttachment),
        (picture()[:45], InvalidAttachment),
    ],
    ids=["nothing", "too much", "a bomb", "a cut image"],
)
def test_what_is_refused_leaves_nothing(
    people: SimpleNamespace, folder: Path, settings: Any, content: bytes, error: type[ChatError]
) -> None:
    settings.CHAT_MAX_FILE_BYTES = 1_000
    with pytest.raises(error):
        uploaded(people.alice, content)
    assert not stored(folder)
    assert not Attachment.objects.exists()
    uploaded(people.alice, b"x" * 1_000)


def test_without_a_size_there_are_no_files(people: SimpleNamespace, settings: Any) -> None:
    settings.CHAT_MAX_FILE_BYTES = 0
    with pytest.raises(Forbidden):
        uploaded(people.alice)


def test_without_a_folder_there_are_no_files(people: SimpleNamespace, settings: Any) -> None:
    settings.MEDIA_ROOT = ""
    backend = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    settings.STORAGES = {**settings.STORAGES, "nowhere": backend}
    settings.CHAT_FILE_STORAGE = "nowhere"
    with pytest.raises(Forbidden):
        uploaded(people.alice)


def test_the_quota_is_of_a_user_and_a_day(people: SimpleNamespace, settings: Any) -> None:
    settings.CHAT_FILE_DAY_BYTES = 10
    first = uploaded(people.alice, b"x" * 6)
    with pytest.raises(RateLimited) as refused:
        uploaded(people.alice, b"x" * 5)
    assert 0 < (refused.value.retry_after_ms or 0) <= 86_400_000
    uploaded(people.bob, b"x" * 5)
    uploaded(people.alice, b"x" * 4)
    Attachment.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(hours=25))
    uploaded(people.alice, b"x" * 6)
    settings.CHAT_FILE_DAY_BYTES = 0
    uploaded(people.alice, b"x" * 100)


@pytest.mark.parametrize("what", ["save", "thumbnail"])
def test_a_storage_that_fails_leaves_no_half_file(
    people: SimpleNamespace, folder: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    whole = FileSystemStorage._save

    def fail(self: Any, name: str, content: Any) -> str:
        if what == "save" or name.endswith("-small"):
            raise OSError("no space left")
        return whole(self, name, content)  # type: ignore[no-any-return]  # Django's stubs do not know it

    monkeypatch.setattr(FileSystemStorage, "_save", fail)
    with pytest.raises(Unavailable):
        uploaded(people.alice, picture(size=(900, 600)))
    assert not stored(folder)
    assert not Attachment.objects.exists()
    monkeypatch.undo()


def test_what_cannot_even_be_removed_is_left_to_the_sweep(
    people: SimpleNamespace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OSError("the storage is away")

    monkeypatch.setattr(FileSystemStorage, "_save", away)
    monkeypatch.setattr(FileSystemStorage, "delete", away)
    with pytest.raises(Unavailable):
        uploaded(people.alice)
    [row] = Attachment.objects.all()
    assert (row.is_stored, row.message) == (False, None)
    assert row.attached_at is not None


def test_a_database_that_fails_after_the_file_was_stored_keeps_its_error(
    people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(Attachment, "save", fail)
    monkeypatch.setattr(Attachment.objects, "create", Attachment)
    with pytest.raises(DatabaseError, match="away"):
        uploaded(people.alice)


def test_two_uploads_at_once_do_not_pass_the_quota_together(
    run: Run, world: World, writers: Writers, settings: Any
) -> None:
    settings.CHAT_FILE_DAY_BYTES = 10
    refused: list[RateLimited] = []

    def one(writer: Any) -> Callable[[], None]:
        def upload() -> None:
            try:
                writer.run(uploaded, world.alice, b"x" * 6)
            except RateLimited as error:
                refused.append(error)

        return upload

    at_once(*(one(writers()) for _ in range(3)))
    assert len(refused) == 2
    assert run(Attachment.objects.count) == 1
    assert timedelta(days=1) == uploads.DAY
