"""How a file is sent: in parts, in the ranges that players ask for, and so that no browser takes it for a page.

Who may have it is decided before.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import IO

import msgspec
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header

from rooms import files
from rooms.conf import conf
from rooms.file_types import INLINE, OTHER
from rooms.images import THUMBNAIL_TYPE
from rooms.models import Attachment
from rooms.rest import Refusal

PART_BYTES = 65_536
THREADS = 8  # that wait for the storage: while all of them do, other downloads wait, and nothing else
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-store",  # whoever may not read it any more shall not find it in a cache
    "Cross-Origin-Resource-Policy": "same-origin",
}
_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))")


def answer(request: HttpRequest, row: Attachment, *, thumbnail: bool = False) -> HttpResponseBase:
    """The file, or its thumbnail; raises NoSuchAttachment and Unavailable as the storage does."""
    kind = THUMBNAIL_TYPE if thumbnail else row.content_type
    path = row.thumbnail_path if thumbnail else row.path
    disposition = content_disposition_header(kind not in INLINE, row.name) or "attachment"
    shown_as = kind if kind in INLINE else OTHER
    if conf.CHAT_FILE_REDIRECTS:
        address = files.signed_address(path, content_type=shown_as, disposition=disposition)
        response: HttpResponseBase = HttpResponseRedirect(address)
    else:
        response = _whole(path) if thumbnail else _ranged(request, row)
        if response.status_code != 416:
            _set(response, {"Content-Type": shown_as, "Content-Disposition": disposition})
    _set(response, HEADERS)
    return response


def _set(response: HttpResponseBase, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        response.headers[name] = value


def _whole(path: str) -> HttpResponse:
    with files.opened(path) as file:
        return HttpResponse(files.read(file, -1))


def _ranged(request: HttpRequest, row: Attachment) -> HttpResponseBase:
    """All of a file, or the one range that is asked for."""
    first, last, status = 0, row.size - 1, 200
    if wanted := _RANGE.fullmatch(request.headers.get("Range", "")):
        first, last, status = *_bounds(wanted, row.size), 206
        if first > last:
            return _no_such_range(row.size)
    response: HttpResponseBase = HttpResponse(status=status)
    if request.method != "HEAD":
        make = AsyncParts if isinstance(request, ASGIRequest) else Parts
        parts = make(files.opened(row.path, at=first), last - first + 1)
        response = StreamingHttpResponse(parts, status=status)
    _set(response, {"Accept-Ranges": "bytes", "Content-Length": str(last - first + 1)})
    if status == 206:
        response.headers["Content-Range"] = f"bytes {first}-{last}/{row.size}"
    return response


def _no_such_range(size: int) -> JsonResponse:
    refusal = Refusal(error="The file has no such range", code="range-not-satisfiable")
    return JsonResponse(msgspec.to_builtins(refusal), status=416, headers={"Content-Range": f"bytes */{size}"})


def _bounds(wanted: "re.Match[str]", size: int) -> tuple[int, int]:
    """The first and the last byte of a range; none is asked for when the first comes after the last."""
    first, last, from_end = wanted.groups()
    if from_end is not None:
        return (max(0, size - int(from_end)), size - 1) if int(from_end) else (1, 0)
    return int(first), min(int(last), size - 1) if last else size - 1


class Parts:
    """Some bytes of a file from where it stands, for a server that waits for them."""

    def __init__(self, file: IO[bytes], count: int) -> None:
        self._file, self._left = file, count
        self.close = file.close

    def __iter__(self) -> Iterator[bytes]:
        while part := self._next():
            yield part

    def _next(self) -> bytes:
        part = files.read(self._file, min(self._left, PART_BYTES))
        self._left -= len(part)
        return part


class AsyncParts:
    """The same for an event loop: each part is read when the one before is on its way."""

    def __init__(self, file: IO[bytes], count: int) -> None:
        self._file, self._left = file, count
        self.close = file.close

    async def __aiter__(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        while part := await loop.run_in_executor(_threads(), files.read, self._file, min(self._left, PART_BYTES)):
            self._left -= len(part)
            yield part


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "files")
