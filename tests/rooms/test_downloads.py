"""How a file is sent: as what it is or as data, in ranges, from the storage or by its own address."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.http.response import HttpResponseBase
from django.test import AsyncRequestFactory, RequestFactory

from rooms import downloads, files
from rooms.errors import NoSuchAttachment, Unavailable
from rooms.models import Attachment
from tests.support.pictures import picture, uploaded

pytestmark = pytest.mark.django_db
FILM = b"\0\0\0\x20ftypisom" + bytes(range(88))


class Bucket(FileSystemStorage):
    """As the storages of django-storages: its addresses are signed and end."""

    def url(self, name: str | None, parameters: Any = None, expire: int | None = None) -> str:
        assert parameters is not None
        kind, disposition = parameters["ResponseContentType"], parameters["ResponseContentDisposition"]
        return f"https://bucket.example/{name}?expires={expire}&type={kind}&as={disposition}"


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": f"{__name__}.Bucket", "OPTIONS": {"location": str(tmp_path)}},
    }
    return tmp_path


def answer(row: Attachment, *, thumbnail: bool = False, method: str = "get", **headers: str) -> Any:
    request = getattr(RequestFactory(headers=headers), method)("/")
    response = downloads.answer(request, row, thumbnail=thumbnail)
    response.close()
    return response


def body(row: Attachment, **headers: str) -> tuple[int, bytes]:
    response: HttpResponseBase = downloads.answer(RequestFactory(headers=headers).get("/"), row)
    content = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]  # the one or the other
    response.close()
    return response.status_code, content


CONTENTS = {
    "a page": (b"<script>alert(1)</script>", "x.html", False, "application/octet-stream"),
    "a page that calls itself an image": (b"<script>alert(1)</script>", "x.png", False, "application/octet-stream"),
    "a vector picture": (b"<svg onload='alert(1)'/>", "x.svg", False, "application/octet-stream"),
    "a document": (b"%PDF-1.7", "x.pdf", False, "application/octet-stream"),
    "an image": (picture(), "x.html", True, "image/png"),
    "a film": (FILM, "x.mp4", True, "video/mp4"),
}


@pytest.mark.parametrize("what", CONTENTS)
def test_only_what_is_safe_is_shown_in_place(people: SimpleNamespace, what: str) -> None:
    content, name, is_inline, kind = CONTENTS[what]
    response = answer(uploaded(people.alice, content, name))
    assert response["Content-Type"] == kind
    assert response["Content-Disposition"] == f'{"inline" if is_inline else "attachment"}; filename="{name}"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["Cache-Control"] == "private, no-store"


def test_a_name_in_any_script_is_sent_as_the_standard_says(people: SimpleNamespace) -> None:
    response = answer(uploaded(people.alice, b"x", '文件 "1".txt'))
    assert response["Content-Disposition"] == "attachment; filename*=utf-8''%E6%96%87%E4%BB%B6%20_1_.txt"


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("", 200, 0, 99),
        ("bytes=0-", 206, 0, 99),
        ("bytes=10-19", 206, 10, 19),
        ("bytes=90-500", 206, 90, 99),
        ("bytes=-10", 206, 90, 99),
        ("bytes=-500", 206, 0, 99),
        ("bytes=0-0", 206, 0, 0),
        ("bytes=0-9,20-29", 200, 0, 99),
        ("lines=1-2", 200, 0, 99),
        ("bytes=-", 200, 0, 99),
    ],
)
def test_a_player_gets_the_range_it_asks_for(
    people: SimpleNamespace, asked: str, status: int, first: int, last: int
) -> None:
    row = uploaded(people.alice, FILM)
    headers = {"Range": asked} if asked else {}
    assert body(row, **headers) == (status, FILM[first : last + 1])
    response = answer(row, **headers)
    assert response["Content-Length"] == str(last - first + 1)
    assert response.headers.get("Content-Range") == (f"bytes {first}-{last}/100" if status == 206 else None)
    assert response["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=20-10", "bytes=-0"])
def test_a_range_that_is_not_there_is_refused(people: SimpleNamespace, asked: str) -> None:
    response = answer(uploaded(people.alice, FILM), Range=asked)
    assert (response.status_code, response["Content-Range"]) == (416, "bytes */100")
    assert json.loads(response.content)["code"] == "range-not-satisfiable"


def test_who_asks_for_the_headers_gets_no_more(people: SimpleNamespace) -> None:
    response = answer(uploaded(people.alice, FILM), method="head")
    assert (response.streaming, response.content, response["Content-Length"]) == (False, b"", "100")


async def test_an_event_loop_gets_it_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "PART_BYTES", 40)
    path = files.save(files.new_path(), io.BytesIO(FILM))
    row = Attachment(path=path, name="x.mp4", size=100, content_type="video/mp4")
    response: Any = downloads.answer(AsyncRequestFactory().get("/"), row)
    assert [len(part) async for part in response] == [40, 40, 20]
    response.close()


# --- The storage ------------------------------------------------------------------------------------------------------
def test_with_redirects_a_download_is_sent_to_an_address_that_ends(
    people: SimpleNamespace, folder: Path, settings: Any
) -> None:
    settings.CHAT_FILE_REDIRECTS = True
    row = uploaded(people.alice, picture(size=(900, 600)), "me.png")
    response = answer(row)
    assert response.status_code == 302
    assert response["Location"] == (
        f"https://bucket.example/{row.path}?expires=60&type=image/png&as=inline;%20filename=%22me.png%22"
    )
    assert response["Cache-Control"] == "private, no-store"
    assert f"/{row.thumbnail_path}?expires=60" in answer(row, thumbnail=True)["Location"]


def test_without_them_no_address_of_the_storage_is_ever_asked_for(
    people: SimpleNamespace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Bucket, "url")
    row = uploaded(people.alice, picture(size=(900, 600)))
    assert answer(row).status_code == answer(row, thumbnail=True).status_code == 200


def test_a_storage_that_fails_is_unavailable_and_a_lost_file_is_none(
    people: SimpleNamespace, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = uploaded(people.alice)

    def away(*_: Any) -> None:
        raise ConnectionError("the storage is away")

    with monkeypatch.context() as patched:
        patched.setattr(Bucket, "_open", away)
        with pytest.raises(Unavailable):
            answer(row)
    (folder / row.path).unlink()
    with pytest.raises(NoSuchAttachment):
        answer(row)


def test_a_storage_that_signs_nothing_is_unavailable(people: SimpleNamespace, settings: Any) -> None:
    settings.CHAT_FILE_REDIRECTS = True
    with pytest.raises(Unavailable):
        answer(uploaded(people.alice))
