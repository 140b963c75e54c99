"""Names of files that strangers gave, made harmless for every reader and every file system. Pure."""

import re
import unicodedata

MAX_CHARS = 200
UNNAMED = "file"
_JOINERS = "\u200c\u200d"  # within words of some scripts, and emojis
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")  # controls, marks of direction, halves of characters, line ends
_REPLACED = str.maketrans(dict.fromkeys('<>:"|?*', "_"))  # what a name cannot have on Windows
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\..*)?", re.IGNORECASE)  # not files, on Windows


def cleaned(name: str) -> str:
    """The last part of a path, without what cannot be seen or turns text around; the end of the name stays."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rstrip("/").rpartition("/")[2]
    seen = "".join(char for char in last if char in _JOINERS or unicodedata.category(char) not in _HIDDEN)
    words = " ".join(seen.translate(_REPLACED).split()).strip(". ")
    named = f"_{words}" if _DEVICE.fullmatch(words) else words
    return _shortened(named).rstrip(". ") or UNNAMED


def _shortened(name: str) -> str:
    """At most MAX_CHARS, with the extension if it has one."""
    if len(name) <= MAX_CHARS:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > 20:
        return name[:MAX_CHARS]
    return stem[: MAX_CHARS - len(extension) - 1] + dot + extension
