"""The configuration of the scripts, in the page or at config/: every path in it comes from the server."""

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client, RequestFactory
from django.urls import clear_script_prefix, get_script_prefix, set_script_prefix

from rooms.web.configuration import configuration
from tests.project.tree import ROOT

HOST_URLS = "tests.rooms.web.host_urls"


@pytest.fixture
def alice(people: SimpleNamespace) -> Client:
    client = Client()
    client.force_login(people.alice)
    return client


@pytest.fixture
def host(settings: Any, alice: Client) -> Client:
    """Alice in a project that has the chat at /talk/ and users of its own."""
    settings.ROOT_URLCONF = HOST_URLS
    settings.LOGIN_URL = "/enter/"
    settings.CHAT_SIGN_OUT_URL = settings.CHAT_ACCOUNT_URL = ""
    return alice


def test_it_is_fetched_by_who_is_signed_in_and_kept_by_nobody(alice: Client, people: SimpleNamespace) -> None:
    response = alice.get("/config/")
    data = response.json()
    assert data["me"] == {"id": str(people.alice.pk), "username": "alice"}
    assert (data["language"], data["maxContentChars"]) == ("en", 4_000)
    assert data["texts"]["send"] == "Send"
    assert "no-store" in response["Cache-Control"]


def test_it_is_the_same_in_the_page(alice: Client) -> None:
    html = alice.get("/").content.decode()
    brought = html.split('<script id="chat-config" type="application/json">')[1].split("</script>")[0]
    here, there = json.loads(brought), alice.get("/config/").json()
    for one in (here, there):
        assert len(one["csrf"].pop("token")) == 64, "masked differently each time"
    assert here == there


def test_a_stranger_is_refused_in_json_with_the_address_to_sign_in_at(client: Client, db: None) -> None:
    response = client.get("/config/", headers={"Accept-Language": "zh-CN"})
    assert response.status_code == 401
    assert response.json() == {
        "error": "登录后即可在这里阅读和发言",
        "code": "auth-required",
        "urls": {"signIn": "/accounts/sign-in/", "style": "/static/rooms/chat-room.css"},
    }


def test_a_middleware_that_redirects_strangers_leaves_it_alone(client: Client, db: None, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    assert client.get("/config/").status_code == 401


def test_the_addresses_are_those_of_the_project(host: Client, settings: Any) -> None:
    settings.STATIC_URL = "/files/"
    settings.CHAT_SOCKET_PATH = "/live/chat"
    assert host.get("/talk/config/").json()["urls"] == {
        "attachments": "/talk/api/attachments",
        "home": "/talk/",
        "room": "/talk/rooms/{room}/",
        "invitation": "/talk/invitation/{code}/",
        "socket": "/live/chat",
        "signIn": "/enter/",
        "style": "/files/rooms/chat-room.css",
    }


def test_all_addresses_are_below_the_prefix_of_the_script(
    rf: RequestFactory, people: SimpleNamespace, settings: Any
) -> None:
    settings.STATIC_URL = "/static/"  # a relative one would be kept with the prefix
    request = rf.get("/")
    request.user = people.alice
    before = get_script_prefix()
    set_script_prefix("/site/{room}/")
    try:
        urls = configuration(request)["urls"]
    finally:
        set_script_prefix(before) if before else clear_script_prefix()
    assert urls["socket"] == "/site/{room}/ws"
    assert urls["home"].startswith("/site/")
    assert urls["room"].endswith("/rooms/{room}/")


def test_the_picture_of_a_user_is_told_where_the_project_has_pictures(alice: Client, settings: Any) -> None:
    settings.CHAT_AVATAR = f"{__name__}.picture"
    assert alice.get("/config/").json()["me"]["avatar"] == "/pictures/alice.png"


def picture(user: Any) -> str:
    return f"/pictures/{user.username}.png"


def test_the_page_has_only_what_the_project_has(host: Client, people: SimpleNamespace) -> None:
    host.force_login(people.admin)
    html = host.get("/talk/rooms/general/").content.decode()
    assert 'href="/talk/"' in html
    assert '<strong class="me-name" dir="auto">admin</strong>' in html
    assert not any(absent in html for absent in ("Sign out", "Your account", "/admin/", "简体中文", "<form action"))


def test_the_page_of_the_site_has_it_all(client: Client, people: SimpleNamespace) -> None:
    client.force_login(people.admin)
    html = client.get("/").content.decode()
    assert '<form action="/accounts/sign-out/" method="post">' in html
    assert 'href="/accounts/me/"' in html
    assert 'href="/admin/"' in html
    assert '<form action="/i18n/setlang/" method="post" class="languages"' in html


def test_no_script_has_a_path_of_the_server() -> None:
    """But the default of the client, which programs use too; a command's name begins with a slash, and is no path."""
    comments = re.compile(r"/\*.*?\*/", re.DOTALL)
    scripts = {path.name: comments.sub("", path.read_text()) for path in (ROOT / "rooms/static/rooms").glob("*.js")}
    found = [name for name, text in scripts.items() if re.search(r"[\"'`]/", text)]
    assert sorted(found) == ["chat-client.js", "slash-commands.js"]
    assert finders.find("rooms/chat-room.js")
