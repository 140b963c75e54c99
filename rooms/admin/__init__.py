"""Rooms in the Django admin, by subject."""

from rooms.admin import invitations, members, messages, rooms  # noqa: F401 - registers their pages
