"""Finds phrases in texts: case, width and invisible characters do not count, a script without spaces has no words.

Only phrases whose first characters are in the text are searched for, each in time that grows with the text's length and
no faster, whatever the text. Knows neither messages nor models.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from operator import add
from typing import NamedTuple

from rooms import names

# Thai, Lao, Tibetan, Myanmar, Khmer, Tai, Javanese, Han, Kana, Bopomofo, Yi: words are not set apart by spaces.
WITHOUT_SPACES = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u2e80-\u312f\u31a0-\u4dbf\u4e00-\ua4cf\ua980-\ua9df"
    "\ua9e0-\ua9ff\uaa60-\uaadf\uf900-\ufaff\U00016f00-\U0001b2ff\U00020000-\U0003ffff]"
)
_KEY_CHARS = 3  # by which a phrase is filed


class Phrase(NamedTuple):
    """`written` with its `*`; `text` folded, with whether a word must begin and end with it."""

    written: str
    text: str
    begins_word: bool
    ends_word: bool


class Place(NamedTuple):
    start: int
    end: int


def folded(text: str) -> str:
    """The text as it is compared: without invisible characters, every white space as one space."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(names.key(names.without_hidden(text)).split())


def parsed(written: str) -> Phrase:
    """A phrase, with `*` at an end where a word may go on. Its text may be empty."""
    text = folded(written.strip().strip("*"))
    begins_word = _is_of_word(text[:1]) and not written.startswith("*")
    return Phrase(written, text, begins_word, _is_of_word(text[-1:]) and not written.endswith("*"))


class Phrases:
    def __init__(self, written: Iterable[str]) -> None:
        self._by_key: defaultdict[str, list[Phrase]] = defaultdict(list)
        for phrase in map(parsed, written):
            if phrase.text:
                self._by_key[phrase.text[:_KEY_CHARS]].append(phrase)
        lengths = {len(key) for key in self._by_key}
        self._keys = {length: {key for key in self._by_key if len(key) == length} for length in lengths}

    def find(self, text: str) -> Iterator[tuple[Phrase, Place]]:
        """Every place of a folded text that has one of the phrases."""
        for length, keys in self._keys.items():
            for key in keys & _parts(text, length):
                for phrase in self._by_key[key]:
                    for place in _places(phrase, text):
                        yield phrase, place


def _parts(text: str, length: int) -> set[str]:
    """All parts of this length."""
    parts: Iterable[str] = text
    for skipped in range(1, length):
        parts = map(add, parts, text[skipped:])
    return set(parts)


def _places(phrase: Phrase, text: str) -> Iterator[Place]:
    """Places that do not overlap each other."""
    start = text.find(phrase.text)
    while start >= 0:
        end = start + len(phrase.text)
        is_whole = not (phrase.begins_word and _is_of_word(text[start - 1 : start]))
        if is_whole and not (phrase.ends_word and _is_of_word(text[end : end + 1])):
            yield Place(start, end)
            start = end - 1
        start = text.find(phrase.text, start + 1)


def without_last_word(text: str) -> str:
    """The text up to its last character that ends a word: what follows may be the beginning of a longer one."""
    end = len(text)
    while end and _is_of_word(text[end - 1]):
        end -= 1
    return text[:end]


def _is_of_word(char: str) -> bool:
    """Whether this is a character of a word that others must be set apart from."""
    return char != "" and unicodedata.category(char)[0] in "LMN" and not WITHOUT_SPACES.match(char)
