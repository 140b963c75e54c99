"""What the checks at the start say of the place of files; those of single settings are in test_conf."""

from typing import Any

from django.core.files.storage import FileSystemStorage

from rooms.checks import files_have_a_place

BACKEND = "django.core.files.storage.FileSystemStorage"


class Signing(FileSystemStorage):
    def url(self, name: str | None, parameters: Any = None, expire: int | None = None) -> str:
        return f"https://bucket.example/{name}"


def said(settings: Any, backend: str = BACKEND, *, location: str = "", **values: Any) -> list[str | None]:
    settings.MEDIA_ROOT = ""
    options = {"location": location} if location else {}
    settings.STORAGES = {**settings.STORAGES, "files": {"BACKEND": backend, "OPTIONS": options}}
    for name, value in {"CHAT_FILE_STORAGE": "files", **values}.items():
        setattr(settings, name, value)
    return [message.id for message in files_have_a_place()]


def test_a_storage_with_and_without_a_folder_is_right(settings: Any) -> None:
    for location in ("/srv/files", ""):
        assert said(settings, location=location) == []


def test_a_storage_must_be_one_of_the_projects(settings: Any) -> None:
    assert said(settings, CHAT_FILE_STORAGE="fiels") == ["chat.E002"]


def test_redirects_need_addresses_that_end(settings: Any) -> None:
    place = {"location": "/srv/files", "CHAT_FILE_REDIRECTS": True}
    assert said(settings, **place) == ["chat.E003"]
    assert said(settings, f"{__name__}.Signing", **place) == []
