"""Creating, joining and leaving rooms."""

from rooms.protocol.commands.base import Command, EitherRoomCommand, Id, RoomCommand, Seq


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
    """Answer: `rooms-list`, every room the user may know of."""

    bucket = "requests"


COMMANDS: tuple[type[Command], ...] = (CreateRoom, JoinRoom, LeaveRoom, GetRooms)
