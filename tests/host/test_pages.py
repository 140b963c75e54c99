"""The chat's pages, REST interface and admin in a project that has its own: nothing of the project's changes."""

from collections.abc import Callable

import pytest

from tests.host.conftest import Host, Visitor


def entered(host: Host, name: str) -> Visitor:
    visitor = host.people[name]
    visitor.post("/enter/", key=visitor.key)
    return visitor


def nobody(host: Host) -> Visitor:
    return Visitor(host, "", "")


def test_the_chats_tables_are_told_by_their_names_and_no_accounts_are_among_them(intranet: Host) -> None:
    code = "from django.db import connection; print(*sorted(connection.introspection.table_names()))"
    tables = intranet.run(code).split()
    ours = [table for table in tables if "room" in table or "chat" in table]
    assert ours
    assert all(table.startswith("chat_rooms_") for table in ours)


def test_the_projects_pages_are_as_they_were(intranet: Host) -> None:
    status, page = nobody(intranet).get("/")
    assert (status, "<h1>The intranet</h1>" in page) == (200, True)
    assert "rooms/" not in page


def test_the_chats_page_is_for_those_who_are_signed_in(intranet: Host) -> None:
    assert nobody(intranet).get("/talk/")[0] == 302
    status, page = entered(intranet, "anna").get("/talk/rooms/general/")
    assert status == 200
    assert "Anna" in page
    assert "intranet.example" not in page
    assert "/assets/rooms/chat-room" in page
    assert "/live/chat" in page


def test_the_project_has_one_admin_with_the_chats_records_in_it(host: Host) -> None:
    eve = entered(host, "eve")
    status, index = eve.get("/backoffice/")
    assert (status, "Back office" in index, "Chat administration" in index) == (200, True, False)
    pages = ("room/", "room/add/", "membership/", "membership/add/", "message/", "message/?q=hello", "membership/?q=a")
    for page in pages:
        assert eve.get(f"/backoffice/chat_rooms/{page}")[0] == 200, page


def test_the_projects_rest_settings_are_not_the_chats(intranet: Host) -> None:
    anna = entered(intranet, "anna")
    for _ in range(3):  # the project's own views take one request a day, and answer with a page
        status, answer = anna.get("/talk/api/rooms")
        assert (status, list(answer)) == (200, ["rooms", "next"])
    assert nobody(intranet).get("/talk/api/rooms") == (
        401,
        {"error": "Please authenticate first", "code": "auth-required"},
    )


def test_health_and_numbers_are_below_the_projects_own_prefix(intranet: Host) -> None:
    for path in ("health", "ready", "metrics"):
        assert nobody(intranet).get(f"/ops/{path}")[0] == 200
    assert entered(intranet, "eve").get("/ops/admin/monitoring/")[0] == 200
    assert entered(intranet, "anna").get("/ops/admin/monitoring/")[0] == 302


@pytest.mark.parametrize(
    "path", ["/talk/api/rooms", "/talk/api/nothing", "/talk/config/", "/ops/health", "/ops/metrics"]
)
def test_where_every_page_needs_a_login_programs_are_answered_and_not_redirected(closed: Host, path: str) -> None:
    status, _ = nobody(closed).get(path)
    assert status in (200, 401, 404)
    assert nobody(closed).get("/talk/")[0] == 302


@pytest.fixture(scope="module")
def closed(make_host: Callable[..., Host]) -> Host:
    """With Django's LoginRequiredMiddleware."""
    return make_host(HOST_USERS="email", HOST_LOGIN_REQUIRED="1")
