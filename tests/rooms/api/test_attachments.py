"""Uploading and reading files over HTTP: whose request it is, what is refused and how, and what is sent."""

import io
import zipfile
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts import tokens
from accounts.models import User
from rooms.models import Attachment, Membership, Room
from tests.support.factories import make_room, make_user
from tests.support.pictures import bomb, photograph, picture

pytestmark = pytest.mark.django_db
PATH = "/api/attachments/"
SCRIPT = b"<script>alert(document.domain)</script>"


def upload(client: Client, content: bytes = b"some text", name: str = "notes.txt", **options: Any) -> Any:
    return client.post(PATH, {"file": SimpleUploadedFile(name, content)}, **options)


def post(client: Client, ids: list[str], room: str = "lobby", content: str = "") -> Any:
    body = {"content": content, "attachments": ids}
    return client.post(f"/api/rooms/{room}/messages", body, content_type="application/json")


def content_of(response: Any) -> bytes:
    """All of it; what is sent in parts is closed at its end."""
    return bytes(response.getvalue())


def status(client: Client, url: str, **headers: str) -> int:
    response: Any = client.get(url, headers=headers)
    content_of(response)
    return int(response.status_code)


@pytest.fixture
def private(alice: User) -> Room:
    """A private room of alice's."""
    room = make_room("private", kind=Room.Kind.PRIVATE)
    Membership.objects.create(room=room, user=alice, role="owner")
    return room


@pytest.fixture
def bob(db: None) -> Client:
    client = Client()
    client.force_login(make_user("bob"))
    return client


# --- Uploading --------------------------------------------------------------------------------------------------------
def test_a_file_is_uploaded_sent_and_read(api: Client, bob: Client, room: Room) -> None:
    answer = upload(api, photograph((900, 600)), "me.jpg")
    assert answer.status_code == 201
    file = answer.json()
    assert (file["name"], file["contentType"], file["width"], file["height"]) == ("me.jpg", "image/jpeg", 600, 900)
    assert status(bob, file["url"]) == 404
    posted = post(api, [file["id"]])
    assert (posted.status_code, posted.json()["attachments"]) == (201, [file])
    response = bob.get(file["url"])
    assert (response.status_code, response["Content-Type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(content_of(response))).size == (600, 900)
    small = bob.get(file["thumbnailUrl"])
    assert (small.status_code, small["Content-Type"]) == (200, "image/webp")
    assert Image.open(io.BytesIO(content_of(small))).size == (320, 480)


def test_a_token_uploads_without_a_form_of_a_page(alice: User, client: Client, room: Room) -> None:
    token = tokens.issue_access(user_id=alice.pk, username="alice", roles=("user",), stamp=alice.stamp())
    headers = {"Authorization": f"Bearer {token}"}
    answer = upload(Client(enforce_csrf_checks=True), headers=headers)
    assert answer.status_code == 201
    assert status(client, answer.json()["url"], **headers) == 200


def test_another_site_cannot_upload_in_a_visitors_name(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert upload(client).status_code == 403
    page = client.get("/").context["config"]["csrf"]
    assert upload(client, headers={page["header"]: page["token"]}).status_code == 201


def test_nobody_uploads_and_nobody_reads(api: Client, client: Client) -> None:
    url = upload(api).json()["url"]
    stranger = Client()
    assert upload(stranger).status_code == 401
    assert status(stranger, url) == 401


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({}, 400, "bad-frame"),
        ({"file": "no file"}, 400, "bad-frame"),
        ({"file": SimpleUploadedFile("x", b"")}, 400, "invalid-attachment"),
        ({"file": SimpleUploadedFile("x", b"x" * 2_001)}, 413, "too-large"),
        ({"file": SimpleUploadedFile("x.png", bomb(30_000, 30_000))}, 400, "invalid-attachment"),
        ({"file": SimpleUploadedFile("x.png", picture()[:45])}, 400, "invalid-attachment"),
    ],
    ids=["nothing", "a text", "an empty file", "too much", "a bomb", "a cut image"],
)
def test_what_cannot_be_taken_is_refused_by_its_reason(
    api: Client, settings: Any, fields: Any, status: int, code: str
) -> None:
    settings.CHAT_MAX_FILE_BYTES = 2_000
    answer = api.post(PATH, fields)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Attachment.objects.exists()


def test_a_body_that_is_no_form_is_refused(api: Client) -> None:
    assert api.post(PATH, {"file": "x"}, content_type="application/json").json()["code"] == "unsupported-media-type"
    broken = api.post(PATH, b"--x\r\nbroken", content_type="multipart/form-data; boundary=x")
    assert broken.status_code == 400


def test_uploads_have_a_rate_and_a_quota(api: Client, settings: Any) -> None:
    settings.CHAT_FILE_DAY_BYTES = 10
    answer = upload(api, b"x" * 11)
    assert (answer.status_code, answer.json()["bucket"]) == (429, "file-day-bytes")
    assert int(answer["Retry-After"]) > 0
    settings.CHAT_RATE_UPLOADS = "1/min burst 1"
    answers = [upload(api, b"x") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 429]
    assert answers[1].json()["bucket"] == "uploads"


def test_a_storage_that_is_away_refuses_uploads_and_downloads_for_now(
    api: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = upload(api).json()["url"]

    def away(*_: Any, **__: Any) -> None:
        raise OSError("away")

    monkeypatch.setattr(FileSystemStorage, "_save", away)
    monkeypatch.setattr(FileSystemStorage, "_open", away)
    for answer in (upload(api), api.get(url)):
        assert (answer.status_code, answer.json()["code"], answer.json()["retryable"]) == (503, "unavailable", True)
    assert Attachment.objects.count() == 1


# --- What strangers send ----------------------------------------------------------------------------------------------
def an_archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.html", SCRIPT)
    return file.getvalue()


ATTACKS = {
    "a vector picture": (b"<svg xmlns='http://www.w3.org/2000/svg'>" + SCRIPT + b"</svg>", "x.svg"),
    "a page called an image": (b"<html>" + SCRIPT, "x.png"),
    "an image and a page": (picture() + SCRIPT, "x.png"),
    "an image and an archive": (picture("JPEG") + an_archive(), "x.jpg"),
    "an image called a page": (picture("GIF", comment=SCRIPT), "x.html"),
    "a sound and a page": (b"ID3\4\0\0\0\0\0\x23" + SCRIPT, "x.html"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_script_of_a_file_can_run(api: Client, attack: str) -> None:
    content, name = ATTACKS[attack]
    file = upload(api, content, name).json()
    response = api.get(file["url"])
    is_image = response["Content-Type"].startswith("image/")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["Content-Type"] in (
        "image/png",
        "image/jpeg",
        "image/gif",
        "audio/mpeg",
        "application/octet-stream",
    )
    if response["Content-Type"] == "application/octet-stream":
        assert response["Content-Disposition"].startswith("attachment;")
    body = content_of(response)
    assert not (is_image and (SCRIPT in body or b"PK\3\4" in body))


# --- Who reads --------------------------------------------------------------------------------------------------------
def test_who_was_put_out_reads_neither_file_nor_thumbnail(api: Client, bob: Client, private: Room) -> None:
    Membership.objects.create(room=private, user=User.objects.get(username="bob"))
    file = upload(api, picture(size=(900, 600)), "me.png").json()
    assert post(api, [file["id"]], "private").status_code == 201
    assert [status(bob, file[url]) for url in ("url", "thumbnailUrl")] == [200, 200]
    act = {"username": "bob", "action": "remove"}
    assert api.post("/api/rooms/private/moderation", act, content_type="application/json").status_code < 300
    answers = [bob.get(file[url]) for url in ("url", "thumbnailUrl")]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "invalid-attachment")] * 2


def test_what_is_not_there_answers_as_what_one_may_not_know(api: Client, bob: Client) -> None:
    own = upload(api).json()
    missing = bob.get(own["url"].replace(own["id"], "0" * 32))
    hidden = bob.get(own["url"])
    assert (missing.status_code, missing.json()) == (hidden.status_code, hidden.json())


def test_a_small_image_has_no_thumbnail(api: Client) -> None:
    file = upload(api, picture()).json()
    assert "thumbnailUrl" not in file
    assert status(api, f"/api/attachments/{file['id']}/thumbnail") == 404


def test_a_file_is_read_whatever_type_is_asked_for(api: Client) -> None:
    url = upload(api).json()["url"]
    assert status(api, url, Accept="image/png") == 200
    assert status(api, url, Accept="image/png", Range="bytes=5-") == 206


def test_a_message_keeps_its_text_when_its_file_is_refused(api: Client, room: Room) -> None:
    own = upload(api).json()["id"]
    assert post(api, [own]).status_code == 201
    again = post(api, [own], content="the same once more")
    assert (again.status_code, again.json()["code"]) == (404, "invalid-attachment")
    assert len(api.get("/api/rooms/lobby/messages").json()["messages"]) == 1
