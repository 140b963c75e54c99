"""Reporting messages and people to the moderators."""

from rooms.protocol.commands.base import Command, Id, Reason, RoomCommand, Username
from rooms.protocol.rules import room_name


class ReportMessage(RoomCommand, tag="report-message"):
    """Reports a message that the sender may read and has not written. Answer to an `id`: `ack`.

    The report keeps the message as it is now. As long as it is not settled, the same one again changes nothing.
    """

    bucket = "changes"
    message_id: Id
    reason: Reason


class ReportUser(Command, tag="report-user"):
    """Reports a person, in general or for what happened in a room. Answer to an `id`: `ack`.

    As long as the report is not settled, the same one again changes nothing.
    """

    bucket = "changes"
    username: Username
    reason: Reason
    room_id: str | None = None

    @property
    def name(self) -> str | None:
        return room_name(self.room_id) if self.room_id is not None else None


COMMANDS: tuple[type[Command], ...] = (ReportMessage, ReportUser)
