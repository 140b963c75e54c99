"""Writes docs/protocol.md from the classes of the frames; with `--check` it only tells whether the page is in step."""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import msgspec.inspect as inspect_types
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatsite.closes import CLOSES
from chatsite.errors import AuthRequired, ChatError
from rooms.protocol.commands import COMMANDS
from rooms.protocol.frames import FRAMES

PAGE = Path(settings.BASE_DIR) / "docs" / "protocol.md"
INTRODUCTION = """\
# The wire protocol

<!-- Written by `make docs` from rooms/protocol, chatsite/errors.py and chatsite/closes.py: edit those. -->

JSON text frames over one WebSocket, at `/ws` or `/chat`, with or without a trailing slash; any other path is answered
with HTTP 404 (by `manage.py runserver` with 403). Every frame is an object with a `type`. Unknown fields of a command
are ignored. Timestamps are ISO 8601 in UTC with milliseconds and `Z`; ids are strings. A first talk, `>` from the
client and `<` from the server:

```
< {"type": "welcome", "message": "Welcome to the chat", "timestamp": "2026-01-01T12:00:00.000Z", "serverTime": ...}
> {"type": "auth", "token": "..."}
< {"type": "auth-success", "user": {"id": "1", "username": "alice", "roles": ["user"]}}
> {"type": "join-room", "roomId": "general"}
< {"type": "room-joined", "roomId": "general", "memberCount": 1}
< {"type": "message-history", "roomId": "general", "messages": []}
> {"type": "chat-message", "id": "m1", "roomId": "general", "content": "Hello"}
< {"type": "chat-message", "roomId": "general", "user": {"id": "1", "username": "alice"}, "content": "Hello", ...}
< {"type": "ack", "id": "m1", "roomId": "general", "seq": 1, "messageId": "1", "timestamp": "..."}
```

- The server sends `welcome` first. Before `auth` succeeds it serves only `ping`, `auth` and `compressed` around those.
- A page on an allowed origin is signed in by its visitor's session cookie, a program by an `Authorization: Bearer`
  header; `auth-success` then follows `welcome` unasked.
- Any command may carry an `id` (64 characters at most). Exactly one answer carries the same: the command's own reply,
  `ack`, or `error`. The `ack` of a message comes after its commit.
- A message's `clientId` (its `id` if it has none) is unique for its author as long as the message is kept: sent again
  it stores nothing, and is acknowledged with the first one's `seq`.
- A room name has 1 to 80 letters, combining marks and numbers of any script, `-`, `_` and `.`, no invisible characters,
  and is not `.` or `..`. A message has 1 to 4,000 characters, at least one of them visible, and no NUL. A frame has
  64 KiB at most. (The limits of messages and frames are settings.)
- A username has 1 to 150 characters by the same rule, and `@` and `+`. Two names that differ only in case, width or
  spelling are one, and any spelling signs in.
- Every stored change of a room takes the room's next `seq`, without holes, and reaches every member in that order.
- One connection's commands act in the order they were sent.
- The server pings every 30 seconds; a peer that has not answered by the next ping is cut.
"""
ERRORS = """\
`error` answers a command that was refused; `code` is stable, `message` is for people. With `retryable` the same command
may be sent again, after `retryAfterMs` where that is given.
"""
CLOSE_CODES = """\
After 1001, 1013 and 4000-4099 a client reconnects with back-off; after 1008, 1009 and 4100-4199 it does not by itself.
`manage.py runserver` gives the same codes and reasons as the production server.
"""


class Command(BaseCommand):
    help = "Writes docs/protocol.md from the classes of the frames."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="Write nothing; fail when the page is not in step.")

    def handle(self, *args: Any, **options: Any) -> None:
        page = render()
        if not options["check"]:
            PAGE.write_text(page, encoding="utf-8")
        elif page != PAGE.read_text(encoding="utf-8"):
            raise CommandError("docs/protocol.md is not in step with the frames: run `make docs`.")


def render() -> str:
    """The whole page."""
    closes = [(str(close.code), close.reason, close.meaning) for close in CLOSES]
    parts = [
        INTRODUCTION,
        "## Commands\n",
        *(_section(command) for command in COMMANDS),
        "## Frames the server sends\n",
        *(_section(frame) for frame in FRAMES),
        "## Errors\n",
        ERRORS,
        _table(("code", "HTTP status", "retryable", "meaning"), _errors()),
        "## Close codes\n",
        CLOSE_CODES,
        _table(("code", "reason", "meaning"), closes),
    ]
    return "\n".join(parts)


def _section(frame: type[msgspec.Struct]) -> str:
    title = f"### `{frame.__struct_config__.tag}`\n\n{inspect.cleandoc(frame.__doc__ or '')}\n"
    kind = cast(inspect_types.StructType, inspect_types.type_info(frame))
    rows = [
        (f"`{field.encode_name}`", _type(field.type), _presence(field))
        for field in kind.fields
        if field.encode_name != "id"
    ]
    return f"{title}\n{_table(('field', 'type', ''), rows)}" if rows else title


def _presence(field: inspect_types.Field) -> str:
    if field.required:
        return ""
    return "optional" if field.default is None else f"{field.default} if absent"


def _type(kind: inspect_types.Type) -> str:
    match kind:
        case inspect_types.UnionType():
            return " or ".join(_type(one) for one in kind.types if not isinstance(one, inspect_types.NoneType))
        case inspect_types.ListType():
            return f"list of {_type(kind.item_type)}"
        case inspect_types.StructType():
            fields = ", ".join(f"{field.encode_name}: {_type(field.type)}" for field in kind.fields)
            return f"`{kind.tag}`" if kind.tag else f"`{{{fields}}}`"
        case inspect_types.StrType():
            return f"text, {kind.max_length} characters at most" if kind.max_length else "text"
        case inspect_types.IntType():
            return "whole number" if kind.ge is None else f"whole number from {kind.ge}"
        case _:
            return "true or false"


def _errors() -> Iterator[tuple[str, str, str, str]]:
    for error in ChatError.__subclasses__() + AuthRequired.__subclasses__():
        meaning = inspect.cleandoc(error.__doc__ or "")
        yield f"`{error.code}`", str(error.status), "yes" if error.retryable else "", meaning


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
