"""How names are written and compared, and which characters show something. Knows neither users nor rooms.

Letters, combining marks and numbers of every script are allowed; characters that a reader cannot see are not.
"""

import re
import unicodedata

# White space, control characters, Unicode's Default_Ignorable_Code_Point (which has the bidirectional controls and the
# Hangul fillers), and what is drawn as nothing: annotations, Braille's blank, fillers of hieroglyphs, Khitan and music.
_INVISIBLE = (
    r"\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    r"\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U00013430-\U0001343f\U00013441\U00013442\U00016fe4\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff"
)
_hidden = re.compile(f"[{_INVISIBLE}]")
_shown = re.compile(f"[^{_INVISIBLE}]")


def normalized(name: str) -> str:
    """The name as it is stored: Unicode's form NFC, in which a letter and its accents have one spelling."""
    return unicodedata.normalize("NFC", name)


def key(name: str) -> str:
    """What two names are compared by: equal for names that differ only in case, width or spelling.

    Unicode's compatibility caseless matching (definition D146), composed.
    """
    folded = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", folded).casefold())


def is_name(text: str, *, signs: str) -> bool:
    """Whether a text is a name: letters, marks and numbers of any script and these `signs`, all of which show.

    A mark needs something before it to stand on; "." and ".." mean something else in a URL.
    """
    return (
        text not in ("", ".", "..")
        and not unicodedata.category(text[0]).startswith("M")
        and not _hidden.search(text)
        and all(char in signs or unicodedata.category(char)[0] in "LMN" for char in text)
    )


def is_blank(text: str) -> bool:
    """Whether a reader would see nothing of this text."""
    return not _shown.search(text)
