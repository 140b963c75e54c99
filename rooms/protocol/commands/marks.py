"""How far one has read, what one has not, and who has read a message."""

from typing import Annotated

import msgspec

from rooms.protocol.commands.base import Command, Limit, MessageId, RoomCommand, Seq
from rooms.protocol.commands.members import UserKey

READERS_DEFAULT, READERS_MAX = 50, 200
Version = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class MarkRead(RoomCommand, tag="mark-read"):
    """As a member: all up to `seq` was read. By this a mark moves neither back nor beyond the room's last seq, and not
    at all when `version` is older than the mark's: something was marked as unread since. Answer to an `id`: `ack` with
    the `seq` and `version` of the mark, once it is stored.
    """

    bucket = "requests"
    seq: Seq
    version: Version | None = None


class MarkUnread(RoomCommand, tag="mark-unread"):
    """As a member: what is above `seq` is not read. Answer to an `id`: `ack` with `seq` and `version` of the mark."""

    bucket = "changes"
    seq: Seq


class GetUnread(Command, tag="get-unread"):
    """Answer: `unread`."""

    bucket = "reads"


class GetReaders(RoomCommand, tag="get-readers"):
    """Who has read a message: a page of them by their ids, 200 at most. Answer: `readers`, whose `next` is the `after`
    of the next page.
    """

    bucket = "reads"
    message_id: MessageId
    after: UserKey | None = None
    limit: Limit = READERS_DEFAULT


class HideReads(Command, tag="hide-reads"):
    """Nobody else learns what the sender has read, or with `on` false they do again. Answer to an `id`: `ack`."""

    bucket = "changes"
    on: bool


COMMANDS: tuple[type[Command], ...] = (MarkRead, MarkUnread, GetUnread, GetReaders, HideReads)
