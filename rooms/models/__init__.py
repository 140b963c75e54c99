"""What is stored, by subject."""

from rooms.models.members import Membership
from rooms.models.messages import Message
from rooms.models.rooms import Room

__all__ = ["Membership", "Message", "Room"]
