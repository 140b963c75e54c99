"""Rooms in the Django admin, by subject."""

from rooms.admin import filters, invitations, members, messages, reports, rooms  # noqa: F401 - registers their pages
