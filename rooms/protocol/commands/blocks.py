"""Blocking people."""

from rooms.protocol.commands.base import Command, Username


class BlockUser(Command, tag="block-user"):
    """Blocks a person, or with `on` false no more; the person is not informed. Answer to an `id`: `ack`.

    In a direct room of the two the blocked person's messages are refused with `blocked`, unless the person moderates
    the whole chat. In other rooms they arrive as ever, and a client folds them.
    """

    bucket = "changes"
    username: Username
    on: bool


class GetBlocks(Command, tag="get-blocks"):
    """Answer: `blocks`."""

    bucket = "reads"


COMMANDS: tuple[type[Command], ...] = (BlockUser, GetBlocks)
