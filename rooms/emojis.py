"""Which texts are one emoji of Unicode's list, and how each is spelled. Alone knows the package `emoji`."""

from emoji import EMOJI_DATA, STATUS

MAX_CHARS = 16  # the longest has 10
_VARIANT = "\ufe0f"  # says that a picture is meant; some keyboards leave it out
_SPELLINGS = {
    emoji.replace(_VARIANT, ""): emoji
    for emoji, data in EMOJI_DATA.items()
    if data["status"] == STATUS["fully_qualified"]
}


def spelled(text: str) -> str | None:
    """The emoji in its full spelling, the same with and without U+FE0F; None for what is not one emoji."""
    return _SPELLINGS.get(text.replace(_VARIANT, ""))
