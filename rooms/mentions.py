"""Where a text mentions somebody: after an `@` that stands neither in code, nor in a quoted line, nor in an address.

Pure: knows neither users nor rooms. Which of the possible names a room's members have, the caller says.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from rooms import names
from rooms.phrases import WITHOUT_SPACES

T = TypeVar("T")
SIGNS = "@＠"  # the wide one is what some input methods write
SIGNS_OF_NAMES = ".+-_"  # besides letters, marks and numbers
EVERYBODY = "room"  # the name that stands for all members
MAX_NAME = 150  # characters
MAX_CANDIDATES = 2_000  # of one message: 50 names in text of 40 characters without spaces
_SIGN = re.compile(f"[{SIGNS}]")
_WEB_ADDRESS = re.compile(r"\w+://[^\s<>\"'`，。；：！？、）】》]+", re.IGNORECASE)
_ADDRESS = re.compile(rf"[{SIGNS}][^\W_]")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_QUOTE = re.compile(r" {0,3}>")
_BACKTICKS = re.compile(r"`+")
_PARAGRAPHS = re.compile(r"(\n[ \t]*\n)")  # what is between them is kept
_HIDDEN = "\0"  # no message has one


def has_sign(text: str) -> bool:
    """Whether the text may mention somebody at all: asked of every message."""
    return "@" in text or "＠" in text


def candidates(text: str, *, with_spaces: bool = False) -> list[list[str]]:
    """The keys (`names.key`) of the names that may be meant at each `@` of the text, the longest first.

    `with_spaces`: names may have any character but the end of a line.
    """
    if not has_sign(text):
        return []
    shown, left, found = _without_quoted(text), MAX_CANDIDATES, []
    for sign in _SIGN.finditer(shown):
        if left <= 0:
            break
        if _begins_here(shown, sign.start()):
            ends = list(_ends(shown, sign.end(), with_spaces=with_spaces))[:left]
            left -= max(len(ends), 1)
            found.append([names.key(shown[sign.end() : end]) for end in reversed(ends)])
    return [keys for keys in found if keys]


def mentioned(found: Sequence[Sequence[str]], known: Mapping[str, T]) -> tuple[list[T], bool]:
    """Whom candidates mean: at each the longest name that is known, each person once, in order; and whether one of
    them means everybody.
    """
    people: dict[T, None] = {}
    everybody = False
    for keys in found:
        key = next((key for key in keys if key in known or key == EVERYBODY), None)
        if key == EVERYBODY:
            everybody = True
        elif key is not None:
            people[known[key]] = None
    return list(people), everybody


# --- Where a name may begin and end -----------------------------------------------------------------------------------
def _begins_here(text: str, at: int) -> bool:
    """Whether a mention may begin at this sign: after a letter it is part of an address, as in `ana@example.org`.

    Scripts without spaces have no such addresses: `你好@张三` mentions.
    """
    return at == 0 or not _is_letter(text[at - 1])


def _is_letter(char: str) -> bool:
    """Whether a word of a script with spaces goes on with it."""
    return unicodedata.category(char)[0] in "LMN" and not WITHOUT_SPACES.match(char)


def _ends(text: str, start: int, *, with_spaces: bool) -> Iterator[int]:
    """Where a name that begins here may end, the shortest first: not within a word or before the `@` of an address."""
    for at in range(start, min(len(text), start + MAX_NAME)):
        char, following = text[at], text[at + 1 : at + 2]
        if not _may_be_in_name(text, at, char, with_spaces=with_spaces):
            return
        is_within = bool(following) and _is_letter(char) and _is_letter(following)
        if not is_within and not _is_address(text, at):
            yield at + 1


def _may_be_in_name(text: str, at: int, char: str, *, with_spaces: bool) -> bool:
    if char in SIGNS:
        return not _begins_here(text, at)
    if with_spaces:
        return char not in "\n" + _HIDDEN
    return char in SIGNS_OF_NAMES or unicodedata.category(char)[0] in "LMN"


def _is_address(text: str, at: int) -> bool:
    """Whether the `@` of an address follows: `@ana@example.org` is nobody called ana."""
    return _is_letter(text[at]) and bool(_ADDRESS.match(text, at + 1))


# --- What is no text of the author's own ------------------------------------------------------------------------------
def _without_quoted(text: str) -> str:
    """The text in which code, quoted lines and web addresses show nothing, each character in its place."""
    shown = "\n".join(_own_lines(text.split("\n")))
    shown = "".join(map(_without_code, _PARAGRAPHS.split(shown)))
    return _WEB_ADDRESS.sub(lambda match: _HIDDEN * len(match[0]), shown)


def _own_lines(lines: Sequence[str]) -> Iterator[str]:
    """The lines, those quoted or fenced as code hidden. A fence that is not closed reaches to the end."""
    fence = ""
    for line in lines:
        if fence:
            is_end = len(line) - len(line.lstrip(" ")) <= 3 and _closes(line.strip(), fence)
            fence = "" if is_end else fence
            yield _HIDDEN * len(line)
        elif match := _FENCE.match(line):
            fence = match[1]
            yield _HIDDEN * len(line)
        else:
            yield _HIDDEN * len(line) if _QUOTE.match(line) else line


def _closes(line: str, fence: str) -> bool:
    return len(line) >= len(fence) and set(line) == {fence[0]}


def _without_code(paragraph: str) -> str:
    """The paragraph without what stands between two runs of as many backticks."""
    runs = [(match.start(), match.end()) for match in _BACKTICKS.finditer(paragraph)]
    last_of_size = {end - start: n for n, (start, end) in enumerate(runs)}
    shown, at, n = [], 0, 0
    while n < len(runs):
        start, end = runs[n]
        size = end - start
        if last_of_size[size] == n:  # nothing closes it
            n += 1
            continue
        closing = next(m for m in range(n + 1, len(runs)) if runs[m][1] - runs[m][0] == size)
        stop = runs[closing][1]
        shown += [paragraph[at:start], _HIDDEN * (stop - start)]
        at, n = stop, closing + 1
    return "".join([*shown, paragraph[at:]])
