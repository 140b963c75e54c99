"""What slash commands answer, and which there are."""

import msgspec

from rooms.protocol.frames.base import Frame


class CommandInfo(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """`/name usage`, and what it is for."""

    name: str
    help: str
    usage: str = ""

    @property
    def shown(self) -> str:
        return f"/{self.name} {self.usage}".rstrip()


class CommandResult(Frame, tag="command-result"):
    """What a slash command answers, to the connection that sent it alone. It is stored nowhere and takes no seq."""

    room_id: str
    command: str
    text: str


class Commands(Frame, tag="commands"):
    """Answers `get-commands`: the slash commands that one may use in the room, the chat's own ones first."""

    room_id: str
    commands: list[CommandInfo]


FRAMES: tuple[type[Frame], ...] = (CommandResult, Commands)
