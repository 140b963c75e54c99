"""What somebody searches for, read from one line: words, "phrases" and filters. Pure.

from:alice in:garden has:link has:file before:2026-02-01 after:2026-01-01 "exactly this" and these words
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from rooms import words
from rooms.errors import BadFrame

MAX_CHARS, MAX_TERMS = 200, 10
KINDS = frozenset({"link", "file"})  # of what a message has
_TERM = re.compile(r'(?:(from|in|has|before|after):)?(?:"([^"]*)"?|(\S+))', re.IGNORECASE)


class Search(NamedTuple):
    """`phrases` are words that stand side by side; the times are from and until when, both with UTC."""

    phrases: list[list[str]]
    keys: set[str]
    author: str | None
    room: str | None
    has_link: bool
    has_file: bool
    since: datetime | None
    until: datetime | None


def parse(query: str) -> Search:
    """Reads a query; raises BadFrame for one that asks for nothing or too much."""
    if len(query) > MAX_CHARS:
        raise BadFrame(f"A search has at most {MAX_CHARS} characters")
    phrases: list[list[str]] = []
    keys: set[str] = set()
    filters: dict[str, str] = {}
    has: list[str] = []
    for name, quoted, plain in _TERM.findall(words.composed(query)):
        if name.lower() == "has":
            has.append((quoted or plain).lower())
            continue
        if name:
            filters[name.lower()] = quoted or plain
            continue
        found = words.words(quoted or plain)
        if found:
            phrases.append([word.text for word in found])
            keys |= words.keys(found)
    if not (phrases or filters or has):
        raise BadFrame("A search names a word, a phrase or a filter")
    if len(phrases) + len(filters) + len(has) > MAX_TERMS:
        raise BadFrame(f"A search has at most {MAX_TERMS} words, phrases and filters")
    if not KINDS.issuperset(has):
        raise BadFrame("`has:` knows `link` and `file`")
    after, before = filters.get("after"), filters.get("before")
    return Search(
        phrases=phrases,
        keys=keys,
        author=filters.get("from"),
        room=filters.get("in"),
        has_link="link" in has,
        has_file="file" in has,
        since=_day(after, later_days=1) if after is not None else None,
        until=_day(before) if before is not None else None,
    )


def _day(text: str, *, later_days: int = 0) -> datetime:
    """The beginning of a day."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=later_days)
    except (ValueError, OverflowError):
        raise BadFrame("`before:` and `after:` take a day such as 2026-01-31") from None
