"""The connection and its user."""

from typing import Annotated

import msgspec

from rooms.protocol.commands.base import Command


class Ping(Command, tag="ping"):
    """Asks whether the server is there. Answer: `pong`."""

    bucket = "frames"
    before_auth = True
    in_order = False


class Auth(Command, tag="auth"):
    """Signs in with an access token, or replaces the connection's token. Answer: `auth-success`, or `auth-failed` and
    a close.

    After too many wrong tokens of one address, no token of a connection that has not signed in is read for a while:
    `error` with `rate-limited` and a close (4003).

    `accept` adds to what the connection accepts beyond the base protocol, as `?accept=heads` on the URL does.
    """

    bucket = "requests"
    before_auth = True
    token: Annotated[str, msgspec.Meta(max_length=4096)]
    accept: list[str] = []


class CompressedCommand(Command, tag="compressed"):
    """Base64 of gzip of one command, which is handled as if it had come uncompressed."""

    bucket = "frames"  # what is in it has its own
    before_auth = True
    data: str


COMMANDS: tuple[type[Command], ...] = (Ping, Auth, CompressedCommand)
