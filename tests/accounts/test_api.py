"""Signing in over HTTP: tokens for those who are right, a clear refusal for everything else."""

import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client

from accounts import authentication, services, tokens
from accounts.models import SignIn, User
from rooms.conf import conf
from tests.support.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db
POSTS = ("/api/auth", "/api/auth/refresh", "/api/auth/logout", "/api/auth/register")


@pytest.fixture
def alice() -> User:
    return make_user("alice")


def post(path: str, body: Any = None, *, client: Client | None = None, token: str = "") -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return (client or Client()).post(path, body or {}, content_type="application/json", headers=headers)


def sign_in(**changes: Any) -> Any:
    return post("/api/auth", {"username": "alice", "password": PASSWORD, **changes})


def me(token: str) -> HttpResponse:
    return Client().get("/api/me", headers={"Authorization": f"Bearer {token}"})


def refused(response: Any, status: int, code: str) -> bool:
    """Is this a refusal of this status and code, with a text?"""
    answer = response.json()
    return (response.status_code, answer["code"]) == (status, code) and bool(answer["error"])


# --- /api/auth --------------------------------------------------------------------------------------------------------
def test_signing_in_answers_tokens_and_the_user(alice: User) -> None:
    response = sign_in()
    answer = response.json()
    assert (response.status_code, set(answer)) == (200, {"token", "refresh", "user"})
    assert answer["user"] == {"id": str(alice.pk), "username": "alice", "roles": ["user"]}
    assert authentication.by_token(answer["token"]).user == alice
    assert response.headers["Cache-Control"] == "no-store"


def test_the_device_is_written_down(alice: User) -> None:
    Client().post(
        "/api/auth",
        {"username": "alice", "password": PASSWORD},
        content_type="application/json",
        headers={"User-Agent": "Chat/1.0"},
        REMOTE_ADDR="192.0.2.7",
    )
    record = SignIn.objects.get()
    assert (record.address, record.user_agent) == ("192.0.2.7", "Chat/1.0")


def test_another_case_of_the_name_signs_in(alice: User) -> None:
    assert sign_in(username="ALICE").json()["user"]["username"] == "alice"


@pytest.mark.parametrize("path", [*POSTS, "/api/me"])
def test_every_path_works_with_and_without_a_trailing_slash(alice: User, path: str) -> None:
    method = Client().get if path == "/api/me" else post
    without, with_slash = method(path), method(path + "/")
    assert (without.status_code, without.content) == (with_slash.status_code, with_slash.content)
    assert without.status_code in {204, 400, 401}


@pytest.mark.parametrize(("username", "password"), [("alice", "wrong"), ("nobody", PASSWORD)])
def test_wrong_ones_are_refused(alice: User, username: str, password: str) -> None:
    assert refused(sign_in(username=username, password=password), 401, "auth-required")


@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("path", ["/api/auth", "/api/auth/register"])
def test_a_missing_field_is_named(path: str, field: str) -> None:
    body = {"username": "alice", "password": PASSWORD}
    del body[field]
    response = post(path, body)
    assert refused(response, 400, "bad-frame")
    assert field in response.json()["error"]


@pytest.mark.parametrize("value", [None, 1, 1e400, True, [], {}, "", "nul\0", "x" * 2000])
@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("path", ["/api/auth", "/api/auth/register"])
def test_a_field_outside_its_rule_is_refused(alice: User, path: str, field: str, value: Any) -> None:
    response = post(path, {"username": "alice", "password": PASSWORD, field: value})
    assert response.status_code == 400
    assert response.json()["error"]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "bad-json"),
        (b"\xff\xfe", 400, "bad-json"),
        (b'{"username": "\\ud800", "refresh": "\\ud800"}', 400, "bad-json"),
        (b"[" * 5000, 400, "bad-json"),
        (b"[" * 20_000 + b"]" * 20_000, 400, "bad-json"),
        (b'{"a":' * 10_500 + b"1" + b"}" * 10_500, 400, "bad-json"),  # Python 3.13 reads 10,000
        (b"NaN", 400, "bad-json"),
        (b"[]", 400, "bad-frame"),
        (b"1", 400, "bad-frame"),
        (b'"text"', 400, "bad-frame"),
        (b"null", 400, "bad-frame"),
        (b'{"username": 1, "refresh": 1}', 400, "bad-frame"),
        (b'{"username": "' + b"x" * conf.CHAT_MAX_FRAME_BYTES + b'"}', 413, "too-large"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_body_that_is_none_is_refused(path: str, body: bytes, status: int, code: str) -> None:
    assert refused(Client().post(path, body, content_type="application/json"), status, code)


def test_only_json_is_read() -> None:
    response = Client().post("/api/auth", {"username": "alice", "password": PASSWORD})
    assert refused(response, 415, "unsupported-media-type")


@pytest.mark.parametrize("token", ["nonsense", "é", "x" * 9000])
@pytest.mark.parametrize("path", POSTS)
def test_a_bad_token_in_a_header_stops_nobody_from_signing_in(alice: User, path: str, token: str) -> None:
    bodies = {
        "/api/auth": {"username": "alice", "password": PASSWORD},
        "/api/auth/register": {"username": "dora", "password": "a long enough one"},
        "/api/auth/refresh": {"refresh": services.open_sign_in(user=alice).refresh},
        "/api/auth/logout": {},
    }
    assert post(path, bodies[path], token=token).status_code in {200, 201, 204}


# --- /api/auth/register -----------------------------------------------------------------------------------------------
def test_an_address_is_kept_and_shown_to_nobody() -> None:
    response = post(
        "/api/auth/register", {"username": "dora", "password": "a long enough one", "email": "dora@EXAMPLE.com"}
    )
    assert User.objects.get().email == "dora@example.com"
    assert "example.com" not in response.content.decode()
    assert "example.com" not in me(response.json()["token"]).content.decode()


@pytest.mark.parametrize("email", ["dora", "dora@example.com\0", "d" * 250 + "@example.com", None, 5])
def test_an_address_that_is_none_is_refused(email: Any) -> None:
    response = post("/api/auth/register", {"username": "dora", "password": "a long enough one", "email": email})
    assert response.status_code == 400
    assert not User.objects.exists()


def test_who_registers_is_signed_in() -> None:
    response = post("/api/auth/register", {"username": "dora", "password": "a long enough one"})
    assert response.status_code == 201
    assert me(response.json()["token"]).json()["username"] == "dora"


def test_what_will_not_do_is_told_by_field(alice: User) -> None:
    response = post("/api/auth/register", {"username": "alice", "password": "1234"})
    assert refused(response, 400, "bad-frame")
    assert {name: len(texts) for name, texts in response.json()["fields"].items()} == {"username": 1, "password": 3}


# --- /api/auth/refresh ------------------------------------------------------------------------------------------------
def test_a_refresh_token_is_exchanged(alice: User) -> None:
    first = sign_in().json()
    second = post("/api/auth/refresh", {"refresh": first["refresh"]})
    assert second.status_code == 200
    assert me(second.json()["token"]).json() == second.json()["user"] == first["user"]


def test_a_token_of_the_wrong_kind_is_not_exchanged(alice: User) -> None:
    assert refused(post("/api/auth/refresh", {"refresh": sign_in().json()["token"]}), 401, "auth-required")


def test_an_expired_refresh_token_says_so(alice: User) -> None:
    token = services.open_sign_in(user=alice).refresh
    with time_machine.travel(time.time() + timedelta(days=conf.CHAT_REFRESH_DAYS).total_seconds() + 60):
        assert refused(post("/api/auth/refresh", {"refresh": token}), 401, "auth-expired")


# --- /api/auth/logout -------------------------------------------------------------------------------------------------
def test_signing_out_by_refresh_token_ends_the_access_token_too(alice: User) -> None:
    answer = sign_in().json()
    assert post("/api/auth/logout", {"refresh": answer["refresh"]}).status_code == 204
    assert refused(me(answer["token"]), 401, "auth-required")


def test_signing_out_by_access_token_ends_the_refresh_token_too(alice: User) -> None:
    answer = sign_in().json()
    assert post("/api/auth/logout", token=answer["token"]).status_code == 204
    assert refused(post("/api/auth/refresh", {"refresh": answer["refresh"]}), 401, "auth-required")


def test_signing_out_by_session_ends_it_and_is_told(
    alice: User, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    client.force_login(alice)
    with django_capture_on_commit_callbacks() as announcements:
        assert post("/api/auth/logout", client=client).status_code == 204
    assert announcements
    assert client.get("/api/me").status_code == 401


def test_a_foreign_page_cannot_sign_a_session_out(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert refused(post("/api/auth/logout", client=client), 403, "forbidden")
    assert client.get("/api/me").status_code == 200


def test_a_token_needs_no_proof_of_a_pages_origin_beside_a_session(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = sign_in().json()
    assert post("/api/auth/logout", {"refresh": answer["refresh"]}, client=client).status_code == 204
    assert refused(me(answer["token"]), 401, "auth-required")
    assert client.get("/api/me").status_code == 200


@pytest.mark.parametrize("body", [{}, {"refresh": None}, {"refresh": "nonsense"}])
def test_nothing_to_sign_out_of_is_no_error(body: dict[str, Any]) -> None:
    response = post("/api/auth/logout", body)
    assert (response.status_code, response.content) == (204, b"")


# --- /api/me ----------------------------------------------------------------------------------------------------------
def test_me_is_the_caller_with_todays_roles(alice: User) -> None:
    token = services.open_sign_in(user=alice).access
    User.objects.filter(pk=alice.pk).update(is_superuser=True)
    assert me(token).json() == {"id": str(alice.pk), "username": "alice", "roles": ["user", "moderator", "admin"]}


def test_me_takes_four_queries(alice: User, django_assert_num_queries: Any) -> None:
    token = services.open_sign_in(user=alice).access
    with django_assert_num_queries(4):  # the user with the sign-in, the ban, the user's permissions and the groups'
        me(token)


def test_a_session_is_as_good_as_a_token(alice: User, client: Client) -> None:
    client.force_login(alice)
    assert client.get("/api/me").json()["username"] == "alice"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer nonsense", "Bearer a b", "Basic YTpi", "é", "Bearer \ud800"]
)
def test_nobody_is_refused(header: str) -> None:
    response = Client().get("/api/me", headers={"Authorization": header})
    assert refused(response, 401, "auth-required")
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_an_expired_token_says_so(alice: User) -> None:
    token = services.open_sign_in(user=alice).access
    with time_machine.travel(time.time() + conf.CHAT_ACCESS_MINUTES * 60 + 60):
        assert refused(me(token), 401, "auth-expired")


def test_a_refresh_token_calls_nothing(alice: User) -> None:
    assert refused(me(services.open_sign_in(user=alice).refresh), 401, "auth-required")


def test_a_token_without_a_sign_in_calls(alice: User) -> None:
    token = tokens.issue_access(user_id=alice.pk, username="alice", roles=(), stamp=alice.stamp())
    assert me(token).status_code == 200
