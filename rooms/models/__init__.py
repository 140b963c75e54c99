"""What is stored, by subject."""

from rooms.models.audit import AuditEntry
from rooms.models.deletions import BulkDeletion
from rooms.models.members import Membership
from rooms.models.messages import Message
from rooms.models.moderation import ServerBan
from rooms.models.rights import EndedSession, RightsChange
from rooms.models.rooms import Room

__all__ = [
    "AuditEntry", "BulkDeletion", "EndedSession", "Membership", "Message", "RightsChange", "Room", "ServerBan",
]  # fmt: skip
