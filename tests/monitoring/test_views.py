"""The HTTP views of monitoring: who may see them, and what they answer in which form."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from accounts.models import User
from monitoring import dashboard, health
from monitoring.health import RoomTotal
from rooms.callers import MONITOR, SEE_PRIVATE
from rooms.errors import Unavailable
from rooms.live import node, roster
from rooms.live.presence import Online
from rooms.models import Report
from tests.support.factories import find_permission, make_room, make_user

pytestmark = pytest.mark.django_db
PROMETHEUS_ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_memory_limit(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CHAT_WARNING_MEMORY_MB = 0
    monkeypatch.setattr(health, "_room_total", RoomTotal())


@pytest.fixture
def staff_client(client: Client) -> Client:
    user = make_user("moderator", is_staff=True)
    user.user_permissions.set([find_permission(MONITOR), find_permission(SEE_PRIVATE)])
    client.force_login(user)
    return client


def refuse(*_: object) -> None:
    raise OperationalError("connection refused")


# --- /health ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/health", "/health/"])
def test_health_is_for_everybody_and_never_cached(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    body = response.json()
    assert (body["status"], body["reasons"]) == ("healthy", [])
    assert body["metrics"]["connections"].keys() == {"total", "active", "peak"}
    assert body["timestamp"].endswith("Z")
    assert "no-store" in response["Cache-Control"]


def test_a_warning_is_still_200(client: Client, settings: Any) -> None:
    settings.CHAT_WARNING_MEMORY_MB = 1
    response = client.get("/health")
    assert (response.status_code, response.json()["status"]) == (200, "warning")
    assert response.json()["reasons"] == ["memory-high"]


def test_critical_is_503(client: Client) -> None:
    with connection.execute_wrapper(refuse):
        response = client.get("/health")
    assert (response.status_code, response.json()["status"]) == (503, "critical")
    assert response.json()["reasons"] == ["database-down"]


@pytest.mark.parametrize("path", ["/health", "/metrics"])
def test_health_and_metrics_can_only_be_read(path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.head(path).status_code == 200
    assert [getattr(client, verb)(path).status_code for verb in ("post", "put", "delete", "patch")] == [405] * 4


# --- /ready -----------------------------------------------------------------------------------------------------------
def ready(client: Client) -> tuple[int, list[str], list[str]]:
    response = client.get("/ready")
    return response.status_code, response.json()["reasons"], response.json()["degraded"]


def test_a_process_without_a_fault_is_ready(client: Client) -> None:
    assert ready(client) == (200, [], [])


def test_a_process_that_drains_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "draining", lambda: True)
    assert ready(client) == (503, ["draining"], [])


def test_a_process_without_its_database_is_not_ready(client: Client) -> None:
    with connection.execute_wrapper(refuse):
        assert ready(client) == (503, ["database-down"], [])


def test_a_process_that_does_not_hear_the_others_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "is_deaf", lambda: True)
    assert ready(client) == (503, ["relay-down"], [])


def test_a_redis_that_is_away_is_reported_and_no_reason(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "alone", lambda: True)
    assert ready(client) == (200, [], ["redis-down"])


# --- /metrics ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
def test_metrics_are_json_with_all_named_numbers(client: Client, path: str) -> None:
    make_room()
    body = client.get(path).json()
    assert body.keys() == {"timestamp", "process", "connections", "messages", "rooms", "memory", "uptime"}
    assert body["connections"].keys() == {"total", "active", "peak"}
    assert body["messages"].keys() == {"sent", "received", "failed", "rate"}
    assert body["rooms"]["total"] == 1
    assert body["memory"]["residentBytes"] > 0


def test_metrics_answer_without_the_database(client: Client) -> None:
    with connection.execute_wrapper(refuse):
        response = client.get("/metrics")
    assert response.status_code == 200
    assert response.json()["rooms"].keys() == {"active"}


@pytest.mark.parametrize(
    ("query", "accept", "text"),
    [
        ({}, "", False),
        ({}, "*/*", False),
        ({}, "application/json", False),
        ({}, "text/html,application/xhtml+xml,*/*;q=0.8", False),
        ({}, "text/plain", True),
        ({}, "text/plain;q=0.5,application/json", False),
        ({}, PROMETHEUS_ACCEPT, True),
        ({"format": "prometheus"}, "application/json", True),
        ({"format": "json"}, "text/plain", False),
    ],
)
def test_metrics_take_the_form_that_is_asked_for(
    client: Client, query: dict[str, str], accept: str, text: bool
) -> None:
    response = client.get("/metrics", query, headers={"Accept": accept} if accept else {})
    assert response["Content-Type"].startswith("text/plain; version=0.0.4" if text else "application/json")
    assert (b"# TYPE chat_connections_active gauge" in response.content) is text


# --- The monitoring page ----------------------------------------------------------------------------------------------
def test_the_page_is_for_staff(client: Client) -> None:
    assert client.get("/admin/monitoring/")["Location"].startswith("/admin/login/")
    assert client.get("/admin/monitoring/data/").status_code == 403
    client.force_login(make_user("alice"))
    assert client.get("/admin/monitoring/")["Location"].startswith("/admin/login/")
    assert client.get("/admin/monitoring/data/").status_code == 403


def test_staff_without_the_permission_get_neither_the_page_nor_a_link(staff_client: Client) -> None:
    User.objects.get().user_permissions.remove(find_permission(MONITOR))
    assert staff_client.get("/admin/monitoring/").status_code == 403
    assert staff_client.get("/admin/monitoring/data/").status_code == 403
    assert "/admin/monitoring/" not in staff_client.get("/admin/").content.decode()


def test_a_deactivated_member_of_staff_sees_nothing(staff_client: Client) -> None:
    User.objects.update(is_active=False)
    assert staff_client.get("/admin/monitoring/data/").status_code == 403


def test_the_page_has_its_script_and_nothing_inline(staff_client: Client) -> None:
    page = staff_client.get("/admin/monitoring/").content.decode()
    assert '<script type="module" src="/static/monitoring/dashboard.js"></script>' in page
    assert "<style" not in page
    assert " style=" not in page
    assert "<script>" not in page


def test_the_page_is_linked_from_the_admin(staff_client: Client) -> None:
    assert staff_client.get("/admin/").content.decode().count('href="/admin/monitoring/"') == 2


def test_the_data_says_who_is_online_since_when_and_from_where(
    staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "online", lambda: [Online("7", "<b>alice</b>", SINCE, "10.0.0.7")])
    online = staff_client.get("/admin/monitoring/data/").json()["online"]
    person = {
        "id": "7",
        "username": "<b>alice</b>",
        "authenticatedAt": "2026-01-02T03:04:05.000Z",
        "address": "10.0.0.7",
    }
    assert online == {"count": 1, "people": [person]}


def test_the_data_counts_the_reports_that_wait_for_a_moderator(staff_client: Client) -> None:
    for state in ("open", "open", "reviewing"):
        Report.objects.create(kind="user", state=state, reported=make_user(), reporter=make_user())
    assert staff_client.get("/admin/monitoring/data/").json()["metrics"]["reports"] == {"open": 2}
    assert 'data-number="reports.open"' in staff_client.get("/admin/monitoring/").content.decode()


def test_the_data_names_the_rooms_with_people_the_fullest_first(
    staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet, busy = make_room("quiet"), make_room("busy")
    make_room("empty")
    alice, bob = Online("1", "alice", SINCE), Online("2", "bob", SINCE)
    monkeypatch.setattr(roster, "room_members", lambda: {quiet.pk: [bob], busy.pk: [bob, alice]})
    assert staff_client.get("/admin/monitoring/data/").json()["rooms"] == {
        "count": 2,
        "rooms": [
            {"id": "busy", "memberCount": 2, "members": ["alice", "bob"]},
            {"id": "quiet", "memberCount": 1, "members": ["bob"]},
        ],
    }


@pytest.mark.parametrize("kind", ["private", "direct", "object"])
@pytest.mark.parametrize("sees_private", [True, False])
def test_rooms_that_are_not_public_are_for_those_with_the_permission(
    staff_client: Client, monkeypatch: pytest.MonkeyPatch, kind: str, sees_private: bool
) -> None:
    if not sees_private:
        User.objects.get().user_permissions.remove(find_permission(SEE_PRIVATE))
    lobby, hidden = make_room("lobby"), make_room("hidden", kind=kind)
    alice, bob = Online("1", "alice", SINCE), Online("2", "bob", SINCE)
    monkeypatch.setattr(roster, "room_members", lambda: {lobby.pk: [bob], hidden.pk: [bob, alice]})
    rooms = staff_client.get("/admin/monitoring/data/").json()["rooms"]
    shown = {room["id"]: room["members"] for room in rooms["rooms"]}
    assert shown == {"lobby": ["bob"]} | ({"hidden": ["alice", "bob"]} if sees_private else {})
    assert rooms["count"] == len(shown)


def test_the_names_of_many_rooms_are_read_in_several_statements(
    staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboard, "ROOMS_AT_ONCE", 2)
    rooms = [make_room() for _ in range(5)]
    bob = Online("2", "bob", SINCE)
    monkeypatch.setattr(roster, "room_members", lambda: {room.pk: [bob] for room in rooms})
    shown = staff_client.get("/admin/monitoring/data/").json()["rooms"]["rooms"]
    assert {room["id"] for room in shown} == {room.name for room in rooms}


def test_long_lists_are_cut_but_counted_whole(staff_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = [Online(str(number), f"user-{number}", SINCE) for number in range(3000)]
    monkeypatch.setattr(roster, "online", lambda: crowd)
    monkeypatch.setattr(roster, "room_members", lambda: {make_room().pk: crowd})
    data = staff_client.get("/admin/monitoring/data/").json()
    assert (data["online"]["count"], len(data["online"]["people"])) == (3000, 500)
    [room] = data["rooms"]["rooms"]
    assert (room["memberCount"], len(room["members"])) == (3000, 50)


def test_the_data_has_health_and_numbers(staff_client: Client, settings: Any) -> None:
    settings.CHAT_WARNING_MEMORY_MB = 1
    data = staff_client.get("/admin/monitoring/data/", headers={"Accept-Language": "en"}).json()
    assert (data["status"], data["statusLabel"]) == ("warning", "warning")
    assert data["reasons"] == ["This process holds more memory than it should."]
    assert data["metrics"]["uptime"] >= 0
    assert data["metrics"]["rooms"].keys() == {"total", "active"}
    assert data["workers"] == 1


def test_presence_that_does_not_answer_is_said_and_no_fault(
    staff_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise Unavailable

    monkeypatch.setattr(roster, "online", fail)
    response = staff_client.get("/admin/monitoring/data/")
    assert (response.status_code, response.json()) == (503, {"error": "Temporarily unavailable"})
