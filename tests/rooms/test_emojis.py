"""One emoji of Unicode's list, in one spelling."""

import pytest
from emoji import EMOJI_DATA

from rooms.emojis import MAX_CHARS, spelled


@pytest.mark.parametrize(
    ("text", "emoji"),
    [
        ("👍", "👍"),
        ("❤", "❤️"),
        ("❤️", "❤️"),
        ("1️⃣", "1️⃣"),
        ("1⃣", "1️⃣"),
        ("👍🏽", "👍🏽"),
        ("👩‍🚀", "👩‍🚀"),
        ("🇨🇳", "🇨🇳"),
    ],
)
def test_an_emoji_has_one_spelling(text: str, emoji: str) -> None:
    assert spelled(text) == emoji


@pytest.mark.parametrize("text", ["", "a", "1", "👍👍", "👍 ", "🏽", "🇨", "\ufe0f", ":+1:", "<b>"])
def test_what_is_not_one_emoji_is_none(text: str) -> None:
    assert spelled(text) is None


def test_the_longest_emoji_has_its_place() -> None:
    assert max(len(emoji) for emoji in EMOJI_DATA) <= MAX_CHARS
