"""The chat page: who may see it, and what it brings for its script."""

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation

from rooms import errors
from rooms.web.texts import ERRORS, TEXTS


@pytest.fixture
def alice(people: SimpleNamespace) -> Client:
    client = Client()
    client.force_login(people.alice)
    return client


def brought(client: Client, path: str) -> dict[str, Any]:
    html = client.get(path).content.decode()
    found = re.search(r'<script id="chat-config" type="application/json">(.*?)</script>', html)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def opened(client: Client, path: str) -> str | None:
    """The room that the page's element shows at first."""
    found = re.search(r'<chat-room [^>]*?\broom="([^"]*)"', client.get(path).content.decode())
    return found[1] if found else None


def test_a_stranger_is_sent_to_sign_in_and_back_to_the_room(client: Client, db: None) -> None:
    response = client.get("/rooms/general/")
    assert response.status_code == 302
    assert response["Location"] == "/accounts/sign-in/?next=/rooms/general/"


def test_the_page_brings_who_i_am_and_which_room_is_open(alice: Client, people: SimpleNamespace) -> None:
    assert brought(alice, "/")["me"] == {"id": str(people.alice.pk), "username": "alice"}
    assert opened(alice, "/rooms/茶.room/") == "茶.room"
    assert opened(alice, "/") is None


def test_a_room_name_comes_in_its_one_spelling(alice: Client) -> None:
    assert opened(alice, "/rooms/cafe\u0301/") == "caf\u00e9"


@pytest.mark.parametrize("name", ["two%20words", "a" * 81, "%3Cscript%3E"])
def test_what_can_be_no_rooms_name_is_not_found(alice: Client, name: str) -> None:
    response = alice.get(f"/rooms/{name}/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


def test_nothing_on_the_page_needs_more_than_its_own_scripts_and_styles(alice: Client) -> None:
    response = alice.get("/rooms/general/")
    html = response.content.decode()
    assert "default-src 'self'" in response["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", html)
    assert all("src=" in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", html))


def test_the_page_is_not_kept_by_shared_caches(alice: Client) -> None:
    assert "no-store" in alice.get("/")["Cache-Control"]


def test_it_speaks_the_readers_language(alice: Client) -> None:
    data = brought(alice, "/")
    chinese = alice.get("/", headers={"Accept-Language": "zh-CN"}).content.decode()
    assert data["texts"]["ready"] == "Connected"
    assert '<html lang="zh-hans">' in chinese
    assert "查找或创建房间" in chinese


def test_every_error_code_has_a_text() -> None:
    def codes(error: type[errors.ChatError]) -> set[str]:
        return {error.code}.union(*(codes(kind) for kind in error.__subclasses__()))

    assert codes(errors.ChatError) <= set(ERRORS)


def test_every_text_the_script_asks_for_is_there(settings: Any) -> None:
    scripts = "".join(path.read_text() for path in (settings.BASE_DIR / "rooms/static/rooms").glob("*.js"))
    asked = set(re.findall(r'\bsay\("(\w+)"', scripts))
    assert asked
    assert asked <= set(TEXTS)


@pytest.mark.parametrize("template", ["404.html", "500.html", "403_csrf.html"])
def test_pages_for_what_goes_wrong_need_nothing_from_the_request(template: str) -> None:
    with translation.override("zh-hans"):
        assert "<h1>" in render_to_string(template)


def test_a_page_that_names_no_icon_gets_that_of_the_chat(client: Client) -> None:
    assert client.get("/favicon.ico").headers["Location"] == "/static/rooms/favicon.svg"
    assert finders.find("rooms/favicon.svg")
