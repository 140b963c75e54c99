"""Which characters look like which others: the table of Unicode's Technical Standard 39, as the library has it.

The library says whether a text can be confused, not with what, so only its data is read: at the first name that is not
ASCII, in 50 ms, and then kept in 1 MB. Knows neither names nor rooms.
"""

import unicodedata
from functools import cache
from importlib.resources import files

import msgspec

_MARK = "\u200e"  # the library's data has it around letters of scripts that are written from right to left


class _Similar(msgspec.Struct):
    c: str


def prototypes(text: str) -> str:
    """The text with every character as the one it looks like, by preference a letter of ASCII.

    Characters of ASCII stay: `1` and `l`, `0` and `O`, `rn` and `m` are different to a reader of ASCII.
    """
    return unicodedata.normalize("NFD", text).translate(_table())


@cache
def _table() -> dict[int, str]:
    data = (files("confusable_homoglyphs") / "confusables.json").read_bytes()
    similar = msgspec.json.decode(data, type=dict[str, list[_Similar]])
    pairs = [(first.strip(_MARK), other.c.strip(_MARK)) for first, others in similar.items() for other in others]
    table = _representatives([pair for pair in pairs if len(pair[0]) == len(pair[1]) == 1])
    table |= {char: text for char, text in pairs if len(char) == 1 < len(text)}
    return {ord(char): shape for char, shape in table.items() if not char.isascii()}


def _representatives(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """One character for all that look alike. The library's pairs have lost which of the two is the usual one."""
    groups: dict[str, set[str]] = {}
    for one, other in pairs:
        first, second = groups.setdefault(one, {one}), groups.setdefault(other, {other})
        if first is not second:
            first |= second
            groups.update(dict.fromkeys(second, first))
    usual = {id(group): min(group, key=_preference) for group in groups.values()}
    return {char: usual[id(group)] for char, group in groups.items()}


def _preference(char: str) -> tuple[bool, bool, bool, str]:
    return not char.isascii(), not char.isalpha(), not char.islower(), char
