"""What is stored, by subject."""

from rooms.models.members import Membership
from rooms.models.messages import Message
from rooms.models.rights import EndedSession, RightsChange
from rooms.models.rooms import Room

__all__ = ["EndedSession", "Membership", "Message", "RightsChange", "Room"]
