"""Searching messages."""

from typing import Annotated

import msgspec

from rooms.protocol.commands.base import Command, Limit, MessageId
from rooms.protocol.rules import room_name

FOUND_DEFAULT, FOUND_MAX = 20, 50
Query = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000, pattern=r"^[^\x00\ud800-\udfff]*$")]


class Search(Command, tag="search"):
    """Searches the messages of the rooms of which one is a member, or of the room `roomId`: words, `"phrases"`, and the
    filters `from:`, `in:`, `has:link`, `has:file`, `before:` and `after:` (a day). `before` is the `next` of the page
    before; 50 are found at most. Answer: `search-results`.
    """

    bucket = "reads"
    query: Query
    room_id: str | None = None
    before: MessageId | None = None
    limit: Limit = FOUND_DEFAULT

    @property
    def name(self) -> str | None:
        return room_name(self.room_id) if self.room_id is not None else None


COMMANDS: tuple[type[Command], ...] = (Search,)
