"""Messages to everybody signed in."""

from rooms.errors import BadFrame
from rooms.protocol.commands.base import Command
from rooms.protocol.rules import text_content


class SendChat(Command, tag="chat"):
    """Sends a text (`message` or `content`) to everybody signed in; not stored. Answer to an `id`: `ack`."""

    bucket = "broadcasts"
    message: str | None = None
    content: str | None = None

    @property
    def text(self) -> str:
        value = self.message if self.message is not None else self.content
        if value is None:
            raise BadFrame("Object missing required field `message`")
        return text_content(value)


class AdminBroadcast(Command, tag="admin-broadcast"):
    """Sends a text to everybody signed in, as an admin. Answer to an `id`: `ack`; without the role `error`."""

    bucket = "broadcasts"
    content: str


COMMANDS: tuple[type[Command], ...] = (SendChat, AdminBroadcast)
