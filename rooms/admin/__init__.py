"""Rooms in the Django admin, by subject."""

from rooms.admin import audit, members, messages, rooms, server_bans  # noqa: F401 - registers their pages
