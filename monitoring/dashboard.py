"""What the admin's monitoring page shows: who is online, which rooms have people in them, and how this server is.

Reads the node and the database; changes nothing.
"""

from typing import Any

from monitoring import health, metrics
from rooms.live import roster
from rooms.models import Room
from rooms.protocol.rules import timestamp
from rooms.services import reports

# The page is fetched every few seconds, and thousands of rows help nobody: counts are complete, lists are cut.
PEOPLE_SHOWN, ROOMS_SHOWN, MEMBERS_SHOWN = 500, 200, 50


def collect() -> dict[str, Any]:
    """Status and reasons are of the process that answers, `metrics` of all workers of this server.

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
        "rooms": _rooms(),
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


def _rooms() -> dict[str, Any]:
    """The fullest rooms first."""
    members = sorted(roster.room_members().items(), key=lambda room: -len(room[1]))
    shown = members[:ROOMS_SHOWN]
    names = dict(Room.objects.filter(pk__in=[room_id for room_id, _ in shown]).values_list("pk", "name"))
    return {
        "count": len(members),
        "rooms": [
            {
                "id": names.get(room_id, str(room_id)),
                "memberCount": len(people),
                "members": sorted(person.username for person in people[:MEMBERS_SHOWN]),
            }
            for room_id, people in shown
        ],
    }
