"""The answers that every command can have."""

from monitoring import metrics
from rooms.errors import ChatError, Internal, Unavailable
from rooms.live.connection import Connection
from rooms.protocol.commands.base import Command
from rooms.protocol.frames.session import Ack, Error
from rooms.services.reactions import Change
from rooms.storage import StoredMessage


def refuse(connection: Connection, error: ChatError, command_id: str | None) -> None:
    """Answers a command with an error; only server errors count as failed."""
    if isinstance(error, Internal | Unavailable):
        metrics.failed()
    connection.send(error_frame(error, command_id))


def error_frame(error: ChatError, command_id: str | None = None) -> Error:
    return Error(
        id=command_id,
        message=error.message,
        code=error.code,
        retryable=error.retryable,
        retry_after_ms=error.retry_after_ms,
        bucket=error.bucket,
        reason=error.reason,
        current=error.current,
        offset=error.offset,
    )


def acknowledge(connection: Connection, command: Command) -> None:
    """Answers a command that has no reply of its own, if it has an `id`."""
    if command.id is not None:
        connection.send(Ack(id=command.id))


def acknowledge_change(connection: Connection, command: Command, message: StoredMessage | Change) -> None:
    """Answers a command that has changed a message, if it has an `id`."""
    if command.id is not None:
        connection.send(
            Ack(
                id=command.id,
                room_id=message.room_name,
                message_id=str(message.id),
                seq=message.seq,
                changed_seq=message.changed_seq,
            )
        )
