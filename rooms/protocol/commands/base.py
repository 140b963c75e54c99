"""What every command has: an `id`, a room's name, and the limits of the fields that several have."""

from typing import Annotated, ClassVar

import msgspec

from rooms.errors import BadFrame
from rooms.protocol.rules import room_name

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]  # PostgreSQL stores no NUL
Username = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^\x00\ud800-\udfff]*$")]
Names = list[Username]
MessageId = Annotated[str, msgspec.Meta(min_length=1, max_length=19)]
AttachmentIds = Annotated[list[Id], msgspec.Meta(max_length=100)]  # the limit is CHAT_MAX_FILES_PER_MESSAGE
Reason = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^[^\x00\ud800-\udfff]*$")]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]  # what a JavaScript number holds exactly
Limit = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]


class Command(msgspec.Struct, tag_field="type", rename="camel", kw_only=True):
    """Any command may carry `id`; exactly one answer then carries the same."""

    before_auth: ClassVar[bool] = False
    in_order: ClassVar[bool] = True  # after the sender's earlier messages are stored and most answers are read
    bucket: ClassVar[str]  # whose rate it counts against; "frames": against that of the connection's frames alone
    id: Id | None = None

    @property
    def may_wait(self) -> bool:
        """Of one that is not `in_order`: whether it may have to wait for something all the same."""
        return False


class RoomCommand(Command):
    room_id: str

    @property
    def name(self) -> str:
        return room_name(self.room_id)


class EitherRoomCommand(Command):
    """Names its room as `roomId` or, as some older clients do, as `room`."""

    room_id: str | None = None
    room: str | None = None

    @property
    def name(self) -> str:
        value = self.room_id if self.room_id is not None else self.room
        if value is None:
            raise BadFrame("Object missing required field `roomId`")
        return room_name(value)
