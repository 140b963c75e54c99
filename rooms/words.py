"""The words of a text, as the search knows them: pure, and the same whatever database stores them.

A word is a run of letters and digits, without case, width and accents written apart. Scripts without spaces have no
words: there each character is one, and pairs of neighbours are indexed too, so that `你好` is found in any sentence.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from rooms.phrases import WITHOUT_SPACES

MAX_CHARS = 64  # of a word as it is stored; a longer one is found by its beginning and compared whole
_MARKS = "".join(char for char in map(chr, range(0x300, 0x10000)) if unicodedata.category(char).startswith("M"))
_RUN = re.compile(rf"[^\W_](?:[^\W_]|[{_MARKS}])*")
_LINK = re.compile(r"https?://\S", re.IGNORECASE)


class Word(NamedTuple):
    """A word as it is compared, and its place in the text."""

    text: str
    start: int
    end: int


def composed(text: str) -> str:
    """The text in which the places of its words are counted."""
    return unicodedata.normalize("NFC", text)


def words(text: str) -> list[Word]:
    """The words of a composed text, in their order."""
    return [word for run in _RUN.finditer(text) for word in _split(run[0], run.start())]


def _split(run: str, start: int) -> Iterator[Word]:
    """A run of letters as words: what stands between characters of a script without spaces, and each of these."""
    begin = 0
    for n, char in enumerate(run):
        if WITHOUT_SPACES.match(char):
            if begin < n:
                yield _word(run, start, begin, n)
            yield _word(run, start, n, n + 1)
            begin = n + 1
    if begin < len(run):
        yield _word(run, start, begin, len(run))


def _word(run: str, start: int, begin: int, end: int) -> Word:
    text = unicodedata.normalize("NFKC", run[begin:end]).casefold()
    return Word(unicodedata.normalize("NFKC", text), start + begin, start + end)


def keys(found: Sequence[Word]) -> set[str]:
    """What these words are indexed by, and looked up by where they stand side by side."""
    pairs = {
        left.text + right.text
        for left, right in pairwise(found)
        if left.end == right.start and _is_character(left) and _is_character(right)
    }
    return {word.text[:MAX_CHARS] for word in found} | pairs


def _is_character(word: Word) -> bool:
    return bool(WITHOUT_SPACES.match(word.text))


def has_link(text: str) -> bool:
    return bool(_LINK.search(text))


def places(found: Sequence[Word], phrases: Iterable[Sequence[str]]) -> list[tuple[int, int]] | None:
    """Where each of these phrases stands in a text of these words; None unless all of them do."""
    texts = [word.text for word in found]
    hits: set[tuple[int, int]] = set()
    for phrase in phrases:
        size = len(phrase)
        starts = [n for n in range(len(texts) - size + 1) if texts[n] == phrase[0] and texts[n : n + size] == [*phrase]]
        if not starts:
            return None
        hits.update((found[n].start, found[n + size - 1].end) for n in starts)
    return sorted(hits)
