"""The generator of docs/protocol.md: its words for types and defaults, and that it guesses none."""

import msgspec
import pytest
from django.core.management.base import CommandError

from chatsite.management.commands.protocol_docs import table_of_fields
from rooms.protocol.frames.base import Frame, UserRef


class Known(Frame, tag="known"):
    text: str
    count: int
    flag: bool
    person: UserRef
    words: list[str] = []
    heads: dict[str, int] | None = None
    limit: int = 50


class Unknown(Frame, tag="unknown"):
    share: float


def rows(kind: type[msgspec.Struct]) -> list[str]:
    return table_of_fields(kind).splitlines()[2:]


def test_every_type_has_its_words_and_every_default_its_value() -> None:
    assert rows(Known) == [
        "| `text` | text |  |",
        "| `count` | whole number |  |",
        "| `flag` | true or false |  |",
        "| `person` | `{id: text, username: text, avatar: text}` |  |",
        "| `words` | list of text | `[]` if absent |",
        "| `heads` | map from text to whole number | optional |",
        "| `limit` | whole number | `50` if absent |",
    ]


def test_a_type_without_words_fails_the_generator() -> None:
    with pytest.raises(CommandError, match="FloatType"):
        table_of_fields(Unknown)
