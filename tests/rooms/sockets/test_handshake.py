"""Handshakes: the session cookie is found among any others, and only pages of allowed origins may use it."""

from typing import Any

import pytest
from django.conf import LazySettings
from hypothesis import given
from hypothesis import strategies as st

from rooms.sockets import handshake

ODD_COOKIES = {
    "a blank": "theme=dark mode",
    "no name": "flag",
    "no value": "empty=",
    "JSON": 'prefs={"a": [1, 2], "b": "x"}',
    "beyond ASCII": "name=J\xc3\xbcrgen",
    "a comma and a quote": 'list=a,b,"c',
    "an attribute": "path=/; $Version=1",
    "brackets": "filter[name]=x",
}


@pytest.mark.parametrize("other", ODD_COOKIES.values(), ids=ODD_COOKIES.keys())
def test_the_session_is_found_beside_any_other_cookie(other: str) -> None:
    for cookie in (f"{other}; sessionid=abc", f"sessionid=abc; {other}", f"{other};sessionid=abc ;{other}"):
        assert handshake.session_key({"cookie": cookie}) == "abc"


@pytest.mark.parametrize("cookie", [None, "", "sessionid=", "xsessionid=abc", "sessionid", "SESSIONID=abc"])
def test_without_the_cookie_there_is_no_session(cookie: str | None) -> None:
    assert handshake.session_key({} if cookie is None else {"cookie": cookie}) == ""


def test_the_cookies_name_is_a_setting(settings: LazySettings) -> None:
    settings.SESSION_COOKIE_NAME = "chat"
    assert handshake.session_key({"cookie": "sessionid=abc; chat=xyz"}) == "xyz"


def test_a_header_that_came_twice_is_joined() -> None:
    scope: dict[str, Any] = {
        "headers": [(b"Cookie", b"a=1"), (b"cookie", b"sessionid=abc"), (b"origin", b"http://a"), (b"origin", b"null")]
    }
    headers = handshake.headers_of(scope)
    assert handshake.session_key(headers) == "abc"
    assert headers["origin"] == "http://a,null"


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://chat.example", "chat.example"),
        ("https://chat.example", "chat.example"),
        ("http://chat.example:8000", "chat.example:8000"),
        ("HTTP://Chat.Example", "chat.example"),
        ("http://chat.example", "CHAT.example"),
        ("http://chat.example", "chat.example:80"),
        ("http://chat.example:80", "chat.example"),
        ("https://chat.example:443", "chat.example"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("http://127.0.0.1", "127.0.0.1"),
    ],
)
def test_a_page_of_the_same_origin_may_use_the_cookie(origin: str, host: str) -> None:
    assert handshake.is_allowed_origin({"origin": origin, "host": host})


@pytest.mark.parametrize(
    "origin",
    [
        "", "null", "chat.example", "http://", "http://[", "http://]", "http://[::1", "http://chat.example:x",
        "http://chat.example:99999999", "http://chat.example:", "http://chat.example:443", "https://chat.example:80",
        "http://chat.example:8000", "ws://chat.example", "http://evil.example", "http://chat.example.evil.example",
        "http://evil@chat.example", "http://chat.example/", "http://chat.example#", "http://chat.example?",
        "http://evil.example/http://chat.example", "http://chat.example,http://evil.example", " http://chat.example",
        "http://chat.example\t", "http://chat\t.example", "http://chat.example\\evil", "http://chat.example.", "\xff",
    ],
)  # fmt: skip
def test_any_other_page_may_not(origin: str) -> None:
    assert not handshake.is_allowed_origin({"origin": origin, "host": "chat.example"})


@pytest.mark.parametrize("host", [None, "", "[", "a b", "a/b"])
def test_without_a_host_no_page_is_of_the_same_origin(host: str | None) -> None:
    headers = {"origin": f"http://{host or ''}"} | ({} if host is None else {"host": host})
    assert not handshake.is_allowed_origin(headers)


@given(st.text(), st.text())
def test_any_header_is_read_without_a_fault(origin: str, host: str) -> None:
    assert not handshake.is_allowed_origin({"origin": f"x{origin}", "host": host})
    handshake.session_key({"cookie": origin})


def test_behind_tls_a_plain_page_is_another_one(settings: LazySettings) -> None:
    settings.SESSION_COOKIE_SECURE = True
    assert handshake.is_allowed_origin({"origin": "https://chat.example", "host": "chat.example"})
    assert not handshake.is_allowed_origin({"origin": "http://chat.example", "host": "chat.example"})


@pytest.mark.parametrize("setting", ["CHAT_ALLOWED_ORIGINS", "CSRF_TRUSTED_ORIGINS"])
def test_named_origins_are_allowed_in_any_spelling(settings: LazySettings, setting: str) -> None:
    setattr(settings, setting, ["https://App.example:443", "no origin"])
    assert handshake.is_allowed_origin({"origin": "https://app.example", "host": "chat.example"})
    assert not handshake.is_allowed_origin({"origin": "http://app.example", "host": "chat.example"})
    assert not handshake.is_allowed_origin({"origin": "no origin", "host": "chat.example"})


@pytest.mark.parametrize(
    ("extensions", "answers"),
    [
        ({"websocket.http.response": {}}, ["websocket.http.response.start", "websocket.http.response.body"]),
        ({}, ["websocket.close"]),
    ],
)
async def test_a_handshake_is_refused_by_a_status_where_the_server_can(
    extensions: dict[str, Any], answers: list[str]
) -> None:
    sent: list[dict[str, Any]] = []

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    await handshake.refuse({"extensions": extensions, "headers": []}, send, status=404)
    assert [event["type"] for event in sent] == answers
    assert sent[0].get("status") == (404 if extensions else None)
