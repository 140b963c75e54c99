"""Saying something to everybody."""

from chatsite.errors import BadFrame
from rooms.protocol.commands.base import Command
from rooms.protocol.rules import text_content


class SendChat(Command, tag="chat"):
    """Says something (`message` or `content`) to everybody signed in; not stored. Answer to an `id`: `ack`."""

    message: str | None = None
    content: str | None = None

    @property
    def text(self) -> str:
        value = self.message if self.message is not None else self.content
        if value is None:
            raise BadFrame("Object missing required field `message`")
        return text_content(value)


class AdminBroadcast(Command, tag="admin-broadcast"):
    """Says something to everybody, as an admin. Answer (when it has an `id`): `ack`; without the role `error`."""

    content: str


COMMANDS: tuple[type[Command], ...] = (SendChat, AdminBroadcast)
