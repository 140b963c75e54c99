"""Probes are answered whatever the Host, under a prefix too; nothing else is."""

import http.client
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import clear_script_prefix, include, path, resolve

from tests.support.servers import ServerProcess

pytestmark = pytest.mark.django_db
ADDRESS = "10.1.2.3:8000"
PROBES = ("/health", "/ready/", "/metrics", "/metrics?format=prometheus")


def page(_request: HttpRequest) -> HttpResponse:
    return HttpResponse("a page of the site")


# What a site has beside the chat, which it includes under a prefix.
urlpatterns = [path("chat/", include("monitoring.urls")), path("health", page), path("pages/ready", page)]


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_by_address_is_answered(client: Client, probe: str) -> None:
    response = client.get(probe, headers={"host": ADDRESS})
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]


async def test_a_probe_is_answered_in_the_asynchronous_stack(async_client: Any) -> None:
    assert (await async_client.get("/metrics", headers={"host": ADDRESS})).status_code == 200
    assert (await async_client.get("/api/schema", headers={"host": ADDRESS})).status_code == 400


@pytest.mark.parametrize(
    "other",
    [
        "/",
        "/rooms/health/",
        "/rooms/ready/",
        "/api/rooms/metrics/messages",
        "/api/schema",
        "/admin/",
        "/admin/monitoring/",
        "/admin/monitoring/data/",
        "/accounts/sign-in/",
        "/health/health",
        "/x/ready",
        "//health",
        "/healthy",
    ],
)
def test_every_other_path_is_refused_for_a_foreign_host(client: Client, other: str) -> None:
    assert client.get(other, headers={"host": ADDRESS}).status_code == 400
    assert client.get(other, headers={"host": "localhost"}).status_code != 400


def test_a_room_may_be_called_like_a_probe() -> None:
    assert resolve("/rooms/health/").kwargs == {"name": "health"}, "else the test above shows less than it seems to"


async def test_behind_a_prefix_a_probe_is_answered_with_it_and_without(async_client: Any, settings: Any) -> None:
    settings.FORCE_SCRIPT_NAME = "/site"
    try:
        for probe in ("/site/ready", "/ready"):
            assert (await async_client.get(probe, headers={"host": ADDRESS})).status_code == 200
        assert (await async_client.get("/site/api/schema", headers={"host": ADDRESS})).status_code == 400
    finally:
        clear_script_prefix()


def test_a_probe_is_not_led_to_https(client: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get("/ready", headers={"host": ADDRESS}).status_code == 200
    assert client.get("/", headers={"host": "localhost"}).status_code == 301


def test_a_probe_can_only_be_read(client: Client) -> None:
    assert client.post("/ready", headers={"host": ADDRESS}).status_code == 405


@pytest.mark.urls(__name__)
def test_in_a_site_the_probes_are_where_it_includes_them(client: Client) -> None:
    assert client.get("/chat/ready", headers={"host": ADDRESS}).status_code == 200
    assert client.get("/health", headers={"host": ADDRESS}).status_code == 400
    assert client.get("/pages/ready", headers={"host": ADDRESS}).status_code == 400
    assert client.get("/pages/ready").content == b"a page of the site"


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
def test_the_servers_answer_probes_by_address_and_nothing_else(
    make_server: Callable[..., ServerProcess], kind: str
) -> None:
    server = make_server(kind, ALLOWED_HOSTS="chat.example.com")
    assert _ask(server, "/ready") == 200
    assert _ask(server, "/health") == 200
    assert _ask(server, "/metrics") == 200
    assert _ask(server, "/accounts/sign-in/") == 400
    assert _ask(server, "/accounts/sign-in/", host="chat.example.com") == 200


def _ask(server: ServerProcess, path: str, host: str = "") -> int:
    """The status for a request with this Host; without one it is the address, as a probe sends it."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host} if host else {})
        return connection.getresponse().status
    finally:
        connection.close()
