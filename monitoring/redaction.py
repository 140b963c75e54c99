"""The last filter before a log line is written: removes tokens, passwords and message texts.

The code does not log such things in the first place; this is for the day it does by mistake, and for what others log.
"""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote_plus

REDACTED = "[redacted]"
_SECRET_NAME = re.compile(
    r"token|passw|secret|cookie|authorization|credential|api_?key|session_?(key|id)|^(jwt|refresh|access)$",
    re.IGNORECASE,
)
_TEXT_NAME = re.compile(r"^(contents?|messages?|texts?|body|frames?|payload|data)$", re.IGNORECASE)
_QUERY_PARAMETER = re.compile(r"(?<=[?&;])([^\s?&;=\"'<>]+)=([^\s&;\"'<>]*)")
_BARE_SECRETS = (
    re.compile(r"\beyJ[\w-]*\.[\w-]+\.[\w-]*"),  # a JWT, wherever it stands
    re.compile(r"(?<=\bBearer )\S+", re.IGNORECASE),
    re.compile(r"\b(?:bot|whk|whsec)_[\w+/=-]{8,}"),  # of bots and webhooks, also in a path
    # PostgreSQL repeats a refused row, content included, in its errors; what follows cannot be separated from the row.
    re.compile(r"(?<=Failing row contains ).*?(?=\n(?:Traceback|The above|During)|\Z)", re.DOTALL),
)


def guard(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A structlog processor: drops fields named like secrets or message text, and cleans every text left."""
    return {name: _clean(value) for name, value in event.items() if name == "event" or not _is_private(name, value)}


def clean(text: str) -> str:
    """The text without tokens: those in a URL's query, JWTs, those of bots and webhooks, bearer credentials; and
    without rows that a database refused.
    """
    text = _QUERY_PARAMETER.sub(_clean_parameter, text)
    for pattern in _BARE_SECRETS:
        text = pattern.sub(REDACTED, text)
    return text


def _is_private(name: str, value: Any) -> bool:
    """`messages=3` is a count, and may be logged."""
    return bool(_SECRET_NAME.search(name) or (_TEXT_NAME.search(name) and not isinstance(value, int | float)))


def _clean(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): _clean(item) for name, item in value.items() if not _is_private(str(name), item)}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    return clean(value if isinstance(value, str) else repr(value))


def _clean_parameter(match: re.Match[str]) -> str:
    name = unquote_plus(match[1])
    return f"{match[1]}={REDACTED}" if _SECRET_NAME.search(name) else match[0]
