"""The only way from a name somebody gives to a room they may use."""

from django.utils import timezone

from chatsite.errors import Banned, NoSuchRoom
from rooms import protocol
from rooms.models import Membership, Room, RoomQuerySet


def visible_rooms(user_id: int) -> RoomQuerySet:
    """The rooms this user may know of."""
    return Room.objects.visible_to(user_id)


def room(user_id: int, name: str) -> Room:
    """The room of this name; NoSuchRoom when there is none for this user, Banned when they are kept out of it."""
    found = find_room(user_id, protocol.room_name(name))
    if found is None:
        raise NoSuchRoom
    return found


def find_room(user_id: int, name: str) -> Room | None:
    """As `room`, but None when no room has this name; a private room of others raises NoSuchRoom."""
    found = Room.objects.filter(name=name).first()
    if found is None:
        return None
    membership = Membership.objects.filter(room=found, user_id=user_id).first()
    if membership is None:
        if found.kind != Room.Kind.PUBLIC:
            raise NoSuchRoom
    elif membership.banned_until and membership.banned_until > timezone.now():
        raise Banned("You are banned from this room")
    return found
