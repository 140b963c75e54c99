"""What the admin's monitoring page shows: who is online, which rooms have people in them, and how this server is.

Reads the node and the database; changes nothing.
"""

from typing import Any

from django.db.models import QuerySet

from monitoring import health, metrics
from rooms.live import roster
from rooms.models import Room
from rooms.protocol.rules import timestamp
from rooms.services import reports

# The page is fetched every few seconds, and thousands of rows help nobody: counts are complete, lists are cut.
PEOPLE_SHOWN, ROOMS_SHOWN, MEMBERS_SHOWN = 500, 200, 50
ROOMS_AT_ONCE = 1_000  # named by one statement


def collect(*, with_private: bool) -> dict[str, Any]:
    """Status and reasons are of the process that answers, `metrics` of all workers of this server.

    Without `with_private` only public rooms are named and counted under `rooms`.

    Raises Unavailable when presence does not answer.
    """
    report = health.report()
    return {
        "status": report.status,
        "statusLabel": str(report.status.label),
        "reasons": [str(reason.label) for reason in report.reasons],
        "workers": metrics.workers(),
        "metrics": health.measure(metrics.total()) | {"reports": {"open": reports.open_count()}},
        "online": _online(),
        "rooms": _rooms(with_private=with_private),
    }


def _online() -> dict[str, Any]:
    people = roster.online()
    return {
        "count": len(people),
        "people": [
            {
                "id": person.user_id,
                "username": person.username,
                "authenticatedAt": timestamp(person.authenticated_at),
                "address": person.address,
            }
            for person in people[:PEOPLE_SHOWN]
        ],
    }


def _rooms(*, with_private: bool) -> dict[str, Any]:
    """The fullest rooms first."""
    present = roster.room_members()
    rooms = Room.objects.all() if with_private else Room.objects.filter(kind=Room.Kind.PUBLIC)
    names = _names(rooms, list(present))
    members = sorted(((key, present[key]) for key in names), key=lambda room: -len(room[1]))
    shown = members[:ROOMS_SHOWN]
    return {
        "count": len(members),
        "rooms": [
            {
                "id": names[room_id],
                "memberCount": len(people),
                "members": sorted(person.username for person in people[:MEMBERS_SHOWN]),
            }
            for room_id, people in shown
        ],
    }


def _names(rooms: QuerySet[Room], room_ids: list[int]) -> dict[int, str]:
    """The names of those of these rooms that are in the query."""
    names: dict[int, str] = {}
    for start in range(0, len(room_ids), ROOMS_AT_ONCE):
        names |= rooms.filter(pk__in=room_ids[start : start + ROOMS_AT_ONCE]).values_list("pk", "name")
    return names
