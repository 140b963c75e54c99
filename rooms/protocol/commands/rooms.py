"""Creating, joining and leaving rooms."""

from typing import Annotated

import msgspec

from rooms.protocol.commands.base import Command, EitherRoomCommand, Id, Limit, RoomCommand, Seq

ROOMS_MAX = 1_000  # in one answer: 50 KB
After = Annotated[str, msgspec.Meta(max_length=80, pattern=r"^[^\x00]*$")]


class CreateRoom(RoomCommand, tag="create-room"):
    """Creates a room that stays. Answer: `room-created`; `success` is false when it exists already."""

    bucket = "new-rooms"


class JoinRoom(EitherRoomCommand, tag="join-room"):
    """Joins a room (`roomId` or `room`), created if there is none. Answer: `room-joined`, then `message-history`.

    With `after`, the last seq the client has seen, the history is all that changed since then, in order of the changes;
    `epoch` is that of the earlier `room-joined`: in another one nothing can be resumed.
    """

    bucket = "joins"  # and "new-rooms" when it creates one
    after: Seq | None = None
    epoch: Id | None = None


class LeaveRoom(EitherRoomCommand, tag="leave-room"):
    """Leaves a room (`roomId` or `room`). Answer: `room-left`."""

    bucket = "joins"


class GetRooms(Command, tag="get-rooms"):
    """Answer: `rooms-list`, the rooms that the user may know of, by name; 1,000 at most.

    `after` is the `next` of the answer before: the list goes on behind it.
    """

    limit: Limit = ROOMS_MAX
    after: After = ""

    bucket = "requests"


COMMANDS: tuple[type[Command], ...] = (CreateRoom, JoinRoom, LeaveRoom, GetRooms)
