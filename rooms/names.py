"""How names are written and compared, and which characters show something. Knows neither users nor rooms.

Letters, combining marks and numbers of every script are allowed; characters that a reader cannot see are not, nor
words of Latin and Cyrillic or Greek letters together.
"""

import re
import unicodedata

from rooms import confusables

# White space, control characters, Unicode's Default_Ignorable_Code_Point (which has the bidirectional controls and the
# Hangul fillers), and what is drawn as nothing: annotations, Braille's blank, fillers of hieroglyphs, Khitan and music.
_INVISIBLE = (
    r"\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc"
    r"\U00013430-\U0001343f\U00013441\U00013442\U00016fe4\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff"
)
_hidden = re.compile(f"[{_INVISIBLE}]")
_shown = re.compile(f"[^{_INVISIBLE}]")
_directions = re.compile("[\u202a-\u202e\u2066-\u2069]")  # embeddings, overrides and isolates
_MARKS = ("Mn", "Me")  # drawn on the character before them
_LOOK_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK"})  # scripts, by the names of their characters


def normalized(name: str) -> str:
    """The name as it is stored: Unicode's form NFC, in which a letter and its accents have one spelling."""
    return unicodedata.normalize("NFC", name)


def key(name: str) -> str:
    """What two names are compared by: equal for names that differ only in case, width or spelling.

    Unicode's compatibility caseless matching (definition D146), composed.
    """
    folded = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", folded).casefold())


def shape(name: str) -> str:
    """What two names are compared by, too: equal for names that look alike, in whatever case.

    A character outside ASCII counts as the one it looks like. ASCII is compared as it is: `room1` and `rooml` are two.
    """
    return key(name if name.isascii() else confusables.prototypes(unicodedata.normalize("NFKC", name)))


def is_name(text: str, *, signs: str) -> bool:
    """Whether a text is a name: letters, marks and numbers of any script and these `signs`, all of which show.

    A mark needs something before it to stand on; "." and ".." mean something else in a URL. Scripts whose letters look
    alike are not mixed within a word.
    """
    return (
        text not in ("", ".", "..")
        and not unicodedata.category(text[0]).startswith("M")
        and not _hidden.search(text)
        and all(char in signs or unicodedata.category(char)[0] in "LMN" for char in text)
        and not is_mixed(text)
    )


def is_mixed(text: str) -> bool:
    """Whether one of its words, between signs, has letters of several scripts of those that look alike."""
    if text.isascii():
        return False
    words = "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in text).split()
    return any(len({script for char in word for script in _script(char)}) > 1 for word in words)


def _script(char: str) -> frozenset[str]:
    return _LOOK_ALIKE.intersection(unicodedata.name(char, "").split())


def without_hidden(text: str) -> str:
    """The text without characters that show nothing; white space stays."""
    return _hidden.sub(lambda match: match[0] if match[0].isspace() else "", text)


def isolated(text: str) -> str:
    """The text for a place within another one, of which it turns nothing around."""
    plain = _directions.sub("", text)
    return f"\u2068{plain}\u2069" if any(unicodedata.bidirectional(char) in {"R", "AL"} for char in plain) else plain


def is_blank(text: str) -> bool:
    """Whether a reader would see nothing of this text, or marks that stand on nothing."""
    shown = _shown.search(text)
    return shown is None or (
        unicodedata.category(shown[0]) in _MARKS
        and all(_hidden.match(char) or unicodedata.category(char) in _MARKS for char in text)
    )
