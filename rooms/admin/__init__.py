"""Rooms in the Django admin, by subject."""

from rooms.admin import (  # noqa: F401 - registers their pages
    audit,
    bots,
    filters,
    incoming_webhooks,
    invitations,
    members,
    messages,
    outgoing_webhooks,
    reports,
    rooms,
    server_bans,
)
