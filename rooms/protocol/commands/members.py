"""Becoming a member of a room, making others members, and who the members are."""

from typing import Annotated, Literal

import msgspec

from rooms.protocol.commands.base import Command, Limit, RoomCommand

Level = Literal["all", "mentions", "none"]
Username = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
UserKey = Annotated[str, msgspec.Meta(max_length=255, pattern=r"^[^\x00]*$")]
MEMBERS_DEFAULT, MEMBERS_MAX = 50, 200


class FollowRoom(RoomCommand, tag="follow-room"):
    """Makes the sender a member, as the first message in a public room does; a member stays one whose connection leaves
    the room. `level` is what of the room they are notified of. Answer to an `id`: `ack`.
    """

    bucket = "changes"
    level: Level | None = None


class UnfollowRoom(RoomCommand, tag="unfollow-room"):
    """Ends the sender's membership; a private room is closed to them from then on. Answer to an `id`: `ack`.

    The last owner cannot leave (`conflict`), and nobody a direct room (`forbidden`).
    """

    bucket = "changes"


class Invite(RoomCommand, tag="invite"):
    """Makes somebody else a member, as a member of the room. Answer to an `id`: `ack`, also when they are one already.

    The code `no-such-user` stands for a name that nobody has and for an account that is deactivated.
    """

    bucket = "changes"
    username: Username


class GetMembers(RoomCommand, tag="get-members"):
    """A page of a room's members, by their ids; 200 at most. Answer: `members`, whose `next` is the `after` of the next
    page.
    """

    bucket = "reads"
    after: UserKey | None = None
    limit: Limit = MEMBERS_DEFAULT


COMMANDS: tuple[type[Command], ...] = (FollowRoom, UnfollowRoom, Invite, GetMembers)
