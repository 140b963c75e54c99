"""How REST reads what a client sends: by msgspec, as the socket does. Knows no endpoint and no record."""

from collections.abc import Mapping
from typing import IO, Annotated, Any, TypeVar

import msgspec
from rest_framework.parsers import BaseParser
from rest_framework.response import Response

from rooms.conf import conf
from rooms.errors import BadFrame, BadJson, TooLarge
from rooms.protocol.frames.changes import MessageEdited

S = TypeVar("S", bound=msgspec.Struct)
PAGE_MAX = 200
Limit = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1, description=f"At most {PAGE_MAX} are sent.")]


class Refusal(msgspec.Struct, rename="camel", omit_defaults=True):
    """A text for people and a code for programs; `retryable`: the same request may be sent again, after `retryAfterMs`.

    The codes are those of the socket's `error` frame, and those of HTTP itself: `not-found`, `method-not-allowed`,
    `not-acceptable`, `unsupported-media-type`, `range-not-satisfiable`. `fields` says what is wrong with which field of
    a new account, `bucket` which rate was exceeded, `reason` that a room is `closed` or a text is `filtered`, `current`
    is the message as it is now, for an edit of a text that was edited meanwhile, `offset` where a text goes on.
    """

    error: str
    code: str
    retryable: bool = False
    retry_after_ms: int | None = None
    bucket: str | None = None
    reason: str | None = None
    fields: dict[str, list[str]] = {}
    current: MessageEdited | None = None
    offset: int | None = None


class JSONParser(BaseParser):
    """Reads one JSON document of at most CHAT_MAX_FRAME_BYTES; raises TooLarge or BadJson."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None) -> Any:  # noqa: ARG002 - its shape is DRF's
        limit = conf.CHAT_MAX_FRAME_BYTES
        body = stream.read(limit + 1 if limit else -1)
        if limit and len(body) > limit:
            raise TooLarge(f"The body is over {limit} bytes")
        return decode(body)


def decode(body: bytes) -> Any:
    """One JSON document; raises BadJson."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        raise BadJson from None
    except RecursionError:
        raise BadJson("Nested too deep") from None


def body(data: Any, kind: type[S]) -> S:
    """The body of a request as this struct; raises BadFrame. A request without a body is one without fields."""
    return _convert(data, kind, strict=True)


def query(data: Mapping[str, str], kind: type[S]) -> S:
    """The query of a request as this struct; raises BadFrame. Of a field that comes twice, the last counts."""
    return _convert(dict(data.items()), kind, strict=False)


def answer(struct: msgspec.Struct, status: int = 200) -> Response:
    return Response(msgspec.to_builtins(struct), status=status)


def _convert(data: Any, kind: type[S], *, strict: bool) -> S:
    try:
        return msgspec.convert(data, kind, strict=strict)
    except (msgspec.ValidationError, RecursionError) as error:
        raise BadFrame(str(error)) from None
