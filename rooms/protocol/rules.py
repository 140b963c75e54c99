"""What a name, a text and a time must look like on the wire."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache

from rooms import names
from rooms.conf import conf
from rooms.errors import BadFrame, TooLarge

# Beyond the base protocol, and sent only to a client that accepts them.
ADDITIONS = frozenset({"compressed", "heads", "message-batch", "rooms"})


@lru_cache(maxsize=10_000)  # the same few names, with every message
def room_name(value: str) -> str:
    """A room's name as it is stored: 1 to 80 letters, marks and numbers of any script, `-`, `_`, `.`; BadFrame."""
    name = names.normalized(value) if len(value) <= 320 else value
    if not 1 <= len(name) <= 80:
        raise BadFrame("A room name has 1 to 80 characters")
    if not names.is_name(name, signs="-_."):
        raise BadFrame("A room name has visible letters, digits, '-', '_' and '.' only, each word in one script")
    return name


def text_content(value: str, *, has_files: bool = False) -> str:
    """The text of a message, unchanged. BadFrame: nothing visible, NUL, no Unicode; TooLarge: over the limit.

    A message that has files needs no text.
    """
    return _content(value, conf.CHAT_MAX_CONTENT_CHARS, has_files=has_files)


def stream_content(value: str) -> str:
    """The same of a message that was written in pieces."""
    return _content(value, conf.CHAT_MAX_STREAM_CHARS)


def _content(value: str, limit: int, *, has_files: bool = False) -> str:
    if names.is_blank(value):
        if has_files:
            return ""
        raise BadFrame("Message content is empty")
    if "\0" in value:
        raise BadFrame("Message content must not contain NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadFrame("Message content is not valid Unicode") from None
    if 0 < limit < len(value):
        raise TooLarge(f"Message content is over {limit} characters")
    return value


def accepted(names: Iterable[str]) -> frozenset[str]:
    """Those of the additions a client says it accepts that there are."""
    return ADDITIONS & frozenset(names)


@lru_cache(maxsize=100)  # what is stored together bears one time
def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
