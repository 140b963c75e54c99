"""Rooms in the Django admin, by subject."""

from rooms.admin import (  # noqa: F401 - registers their pages
    attachments,
    audit,
    filters,
    invitations,
    members,
    messages,
    reports,
    rooms,
    server_bans,
)
