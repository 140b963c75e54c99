"""Writes docs/protocol.md from the classes of the frames; with `--check` it only compares the page with them."""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import msgspec.inspect as inspect_types
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from rooms import errors
from rooms.closes import CLOSES
from rooms.conf import RATES, SETTINGS
from rooms.errors import ChatError
from rooms.protocol.commands import COMMANDS
from rooms.protocol.frames import FRAMES
from rooms.setting import RateLimit

PAGE = Path(settings.BASE_DIR) / "docs" / "protocol.md"
INTRODUCTION = """\
# The wire protocol

<!-- Written by `make docs` from rooms/protocol, rooms/errors.py and rooms/closes.py: edit those. -->

JSON text frames over one WebSocket, at `/ws` or `/chat`, with or without a trailing slash; any other path is answered
with HTTP 404 (by `manage.py runserver` with 403). Every frame is an object with a `type`. Unknown fields of a command
are ignored. Timestamps are ISO 8601 in UTC with milliseconds and `Z`; ids are text. A first exchange, `>` from the
client and `<` from the server:

```
< {"type": "welcome", "message": "Welcome to the chat", "timestamp": "2026-01-01T12:00:00.000Z", "serverTime": ...}
> {"type": "auth", "token": "..."}
< {"type": "auth-success", "user": {"id": "1", "username": "alice", "roles": ["user"]}}
> {"type": "join-room", "roomId": "general"}
< {"type": "room-joined", "roomId": "general", "memberCount": 1, "headSeq": 0, "epoch": "5f1c09ab"}
< {"type": "message-history", "roomId": "general", "messages": []}
> {"type": "chat-message", "id": "1", "roomId": "general", "content": "Hello"}
< {"type": "chat-message", "roomId": "general", "user": {"id": "1", "username": "alice"}, "content": "Hello", ...}
< {"type": "ack", "id": "1", "roomId": "general", "seq": 1, "messageId": "1", "timestamp": "..."}
```

**Signing in.** The server sends `welcome` first. Before `auth` succeeds it accepts only `ping`, `auth` and `compressed`
around those. A page of an allowed origin is signed in by its visitor's session cookie, a program by an
`Authorization: Bearer` header; `auth-success` then follows `welcome` without a command. The handshake is refused with
HTTP 400 for a host that is not in ALLOWED_HOSTS, and with 403 when a page of another origin comes with a session
cookie. A socket by cookie is closed with 4101 when its session ends.

**Answers.** Any command may carry an `id` (1 to 64 characters). Exactly one answer carries the same `id`: the reply
named with the command, `ack`, or `error`. It only says which command is answered: the server remembers no `id`, and a
client may count from 1 on every connection. One connection's commands take effect in the order they were sent.

**Sending again.** The `ack` of a message follows its commit. A message without an `ack` may be sent again if it has a
`clientId`: as long as the message is kept, the same `clientId` of the same author with the same room and content stores
nothing and is acknowledged with the first one's `seq` and `messageId`. With another room or content it is refused with
`conflict`.

**Order.** Every stored change of a room takes the room's next `seq`, without holes, and reaches every member in that
order. An event without `seq` is not stored, and is dropped first for a client that reads slowly.

**Resuming.** Every `room-joined` has the room's `headSeq` and `epoch`. A client that joins again sends the last seq it
knows as `after`, and the `epoch` it learned that seq in. With `recovered: true` it is sent everything that changed
since. With `recovered: false` it is sent the newest page and drops what it knew: the room has another epoch (the
database was restored, or the room was made again), more changed than CHAT_RESUME_MESSAGES, or what it missed was
pruned. Events that happen meanwhile follow the history, none lost and none twice.

**Applying events.** A page of messages and the events after it make the same as a new page, by these rules. A
`message-edited` replaces the message apart from its `replyCount`, and a `message-deleted` or `messages-deleted` removes
it. In the `replyTo` of loaded messages that answer it, an edit rewrites the excerpt (the first 120 characters), and a
deletion puts `deleted` in its place. A new message with `replyTo` raises the `replyCount` of its root, unless its `seq`
is not above the `lastReplySeq` that the page had: then it is counted already. The deletion of a loaded one lowers it.
Messages that come with resuming have no `replyCount`, and raise that of their roots likewise. A `reaction` sets the
`count` of its emoji, adds its user to the emoji's `users` or removes them, and with a `count` of 0 removes the emoji;
above 50 people the list of a page may have others than one that was kept by events. `user-updated` gives somebody
another name wherever they stand, and with `deleted` the id `0`. A `messages-deleted` of a `user` leaves messages of the
kind `system`.

**Slash commands.** A message whose `content` is `/name`, or goes on after it with a blank, is a command: its sender
gets an `ack` without a `seq`, then a `command-result` if there is something to say, and nobody else gets anything. An
unknown one is refused with `unknown-command`. `//name` posts `/name`; `/me text` posts the text with the kind `action`.

**Texts that come in pieces.** A bot's message may come with `streaming: true` and no `content`; its text follows by
`message-append`, each with the `offset` at which it begins, in Unicode characters. A client keeps the text it has: of a
piece it appends what goes beyond that, ignores what it has already, and where a piece begins later it asks
`get-stream`. It ignores pieces of messages that it does not have, or that are not `streaming`. A `message-edited` that
is `streaming` still leaves the text as it is; the one that is not has the whole text, and `interrupted` when the bot
did not end it. After the history of a `join-room` the server sends the text so far of each message that is being
written, from offset 0; for one that came by `get-history` a client asks `get-stream`.

**Limits.** A room name has 1 to 80 letters, combining marks and numbers of any script, `-`, `_` and `.`, no invisible
characters, and is not `.` or `..`. A username has 1 to 150 characters by the same rule, and `@` and `+`; two names that
differ only in case, width or spelling are the same name, and any spelling signs in. A message has 1 to 4,000
characters, at least one of them visible, and no NUL. A frame has 64 KiB at most. The limits of messages and frames are
settings.

**Rates.** Who is faster than a [rate](#rates) is answered with `rate-limited`, `bucket`, the name of the rate, and
`retryAfterMs`, after which the next one is taken. Nothing of a refused command has happened. A message that is sent
again under its `clientId` within a minute counts once. Over HTTP it is status 429 with `Retry-After` in whole seconds.
A connection that sends on all the same is closed with 4104.

**Connections.** A guest has 10 seconds to sign in (CHAT_SIGN_IN_S). Over their number of connections, a user or an
address gets an `error` and is closed with 4105; who loses connections and comes again too often gets `rate-limited` and
is closed with 1013 for five minutes, while open sockets stay. Closes that the server caused by stopping do not count.

**Heartbeat.** The server pings every 30 seconds (CHAT_HEARTBEAT_S); a peer that has not answered by the next ping is
disconnected.
"""
ERRORS = """\
`error` answers a command that was refused; `code` is stable, `message` is for people. With `retryable` the same command
may be sent again, after `retryAfterMs` where that is given.
"""
RATES_OF_COMMANDS = """\
The defaults; each is a setting (CHAT_RATE_MESSAGES for `messages`). Whoever waited long enough may send the burst at
once, and after that one for each token. Reading and posting over HTTP count against the same buckets.
"""
CLOSE_CODES = """\
After 1001, 1009, 1013, 4000-4099 and a connection that broke a client reconnects with back-off; after 1009 it does not
send the frame again that was too big. After 1008 and 4100-4199 it reconnects only with a new token or a new sign-in.
`manage.py runserver` gives the same codes and reasons as the production server.
"""


# What counts besides, or instead of, the commands that name the bucket.
ALSO = {
    "messages": "`chat-message`, `room-message`, of a user",
    "room-messages": "the same, of a user in one room",
    "new-rooms": "`create-room`, and `join-room` that makes the room, of a user",
    "uploads": "files that a user uploads over HTTP",
    "files": "files and thumbnails that a user reads over HTTP",
    "frames": "every frame of a connection, whatever it is",
    "address-frames": "handshakes, and frames before sign-in, of an address",
    "connects": "closed connections of a user",
    "address-connects": "closed connections of an address",
    "violations": "refusals with `rate-limited`, of a connection",
}


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
        "## Rates\n",
        RATES_OF_COMMANDS,
        _table(("bucket", "default", "what counts"), _rates()),
        "## Close codes\n",
        CLOSE_CODES,
        _table(("code", "reason", "meaning"), closes),
    ]
    return "\n".join(parts)


def _section(frame: type[msgspec.Struct]) -> str:
    title = f"### `{frame.__struct_config__.tag}`\n\n{inspect.cleandoc(frame.__doc__ or '')}\n"
    table = table_of_fields(frame)
    return f"{title}\n{table}" if table else title


def table_of_fields(frame: type[msgspec.Struct]) -> str:
    """The fields in the order of their class; empty when there are none."""
    fields = cast(inspect_types.StructType, inspect_types.type_info(frame)).fields
    rows = [(f"`{one.encode_name}`", _type(one.type), _presence(one)) for one in fields if one.encode_name != "id"]
    return _table(("field", "type", ""), rows) if rows else ""


def _presence(field: inspect_types.Field) -> str:
    if field.required:
        return ""
    default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return "optional" if default is None else f"`{msgspec.json.encode(default).decode()}` if absent"


def _type(kind: inspect_types.Type) -> str:  # noqa: PLR0911 - a table, one line an entry
    """The words for a type; CommandError for one that has none yet."""
    match kind:
        case inspect_types.UnionType():
            return " or ".join(_type(one) for one in kind.types if not isinstance(one, inspect_types.NoneType))
        case inspect_types.ListType():
            return f"list of {_type(kind.item_type)}"
        case inspect_types.DictType():
            return f"map from {_type(kind.key_type)} to {_type(kind.value_type)}"
        case inspect_types.StructType():
            fields = ", ".join(f"{field.encode_name}: {_type(field.type).replace('`', '')}" for field in kind.fields)
            return f"`{kind.tag}`" if kind.tag else f"`{{{fields}}}`"
        case inspect_types.LiteralType():
            return " or ".join(f'"{value}"' for value in kind.values)
        case inspect_types.StrType():
            return _text(kind.min_length, kind.max_length)
        case inspect_types.IntType():
            return "whole number" if kind.ge is None else f"whole number from {kind.ge}"
        case inspect_types.BoolType():
            return "true or false"
        case inspect_types.AnyType() | inspect_types.RawType():
            return "any JSON"
    raise CommandError(f"protocol_docs has no words for a field of the type {kind}")


def _text(shortest: int | None, longest: int | None) -> str:
    if longest is None:
        return "text"
    return f"text, {shortest} to {longest} characters" if shortest else f"text, {longest} characters at most"


def _errors() -> Iterator[tuple[str, str, str, str]]:
    """One row a code."""
    for error in vars(errors).values():
        is_refusal = isinstance(error, type) and issubclass(error, ChatError) and error is not ChatError
        if is_refusal and "code" in vars(error):
            meaning = inspect.cleandoc(error.__doc__ or "")
            yield f"`{error.code}`", str(error.status), "yes" if error.retryable else "", meaning


def _rates() -> Iterator[tuple[str, str, str]]:
    """The buckets with their commands; what else counts says docs/configuration.md."""
    for bucket, setting in RATES.items():
        tags = [f"`{command.__struct_config__.tag}`" for command in COMMANDS if command.bucket == bucket]
        yield f"`{bucket}`", cast(RateLimit, SETTINGS[setting]).written, ALSO.get(bucket) or ", ".join(tags)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
