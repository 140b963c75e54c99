"""What a search found."""

from collections.abc import Sequence

import msgspec

from rooms.protocol.frames.base import Frame
from rooms.protocol.frames.posting import ChatMessage, RoomMessage


class Part(msgspec.Struct, frozen=True):
    """A part of a text: what was searched for, or what stands beside it."""

    text: str
    hit: bool


class SearchResult(msgspec.Struct, frozen=True):
    """A message, and the part of its text that has the first hit."""

    message: ChatMessage | RoomMessage
    snippet: Sequence[Part]


class SearchResults(Frame, tag="search-results"):
    """Answers `search`, the newest first. `next` is the `before` of the next page, where there is one."""

    query: str
    results: Sequence[SearchResult]
    next: str | None = None


FRAMES: tuple[type[Frame], ...] = (SearchResults,)
