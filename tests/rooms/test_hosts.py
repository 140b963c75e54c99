"""A host is served by ALLOWED_HOSTS, as pages are."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from rooms import hosts


@pytest.mark.parametrize(
    ("host", "is_served"),
    [
        ("chat.example", True),
        ("Chat.Example:8000", True),
        ("a.wide.example", True),
        ("[::1]:80", True),
        ("elsewhere.example", False),
        ("chat.example.evil", False),
        ("chat.example@evil", False),
        ("", False),
    ],
)
def test_a_host_is_served_when_it_is_named(settings: Any, host: str, is_served: bool) -> None:
    settings.ALLOWED_HOSTS = ["chat.example", ".wide.example", "[::1]"]
    with capture_logs() as lines:
        assert hosts.is_served({"host": host}, "/ws") is is_served
    refused = {"event": "host.refused", "host": host, "path": "/ws", "log_level": "warning"}
    assert lines == ([] if is_served else [refused])


@pytest.mark.parametrize(("debug", "is_served"), [(True, True), (False, False)])
def test_without_names_it_is_served_in_development_only(settings: Any, debug: bool, is_served: bool) -> None:
    settings.ALLOWED_HOSTS, settings.DEBUG = [], debug
    assert hosts.is_served({"host": "app.localhost:8000"}, "/ws") is is_served


@pytest.mark.parametrize(("trusted", "host"), [(True, "chat.example"), (False, "inner:8000")])
def test_a_proxys_header_counts_where_django_trusts_it(settings: Any, trusted: bool, host: str) -> None:
    settings.USE_X_FORWARDED_HOST = trusted
    assert hosts.requested({"host": "inner:8000", "x-forwarded-host": "chat.example"}) == host
