"""Accounts in the Django admin, by subject."""

from accounts.admin import groups, invitations, users  # noqa: F401 - registers their pages
