"""Images of strangers, re-encoded from their pixels: nothing else of the file that came is in the one that is kept.

So it has no EXIF, no place where it was taken, and nothing that another program could read as a page, a script or an
archive. An image is refused by the size that its header names, before any of it is decoded. Knows no models.
"""

import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import BoundedSemaphore
from typing import IO, Any, NamedTuple

import structlog
from PIL import Image, ImageOps

from rooms.conf import conf
from rooms.errors import ChatError, InvalidAttachment, Unavailable
from rooms.file_types import IMAGES

log = structlog.get_logger(__name__)
MAX_FRAMES = 1_000  # of an animation
WAITING = 8  # images for each thread: a few seconds each, and then the client asks again
IN_MEMORY_BYTES = 2_500_000
THUMBNAIL_TYPE = "image/webp"  # half the size of the others, with transparency
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "PNG": {},
    "JPEG": {"quality": 88},
    "GIF": {},
    "WEBP": {"quality": 88},
}


class Picture(NamedTuple):
    """A new file, and a smaller one unless the first is small itself."""

    file: IO[bytes]
    width: int
    height: int
    thumbnail: IO[bytes] | None

    def close(self) -> None:
        for file in filter(None, (self.file, self.thumbnail)):
            file.close()


def remade(file: IO[bytes], content_type: str) -> Picture:
    """The image in this file, upright, as a new file of the same type; an animation stays one.

    On one of CHAT_IMAGE_THREADS, for which the caller waits; Unavailable when too many wait. Raises InvalidAttachment
    for what is too large or cannot be read to its end.
    """
    turns, threads = _pool()
    if not turns.acquire(blocking=False):
        raise Unavailable("Too many images are waiting", retry_after_ms=2_000)
    try:
        return threads.submit(_remade, file, IMAGES[content_type]).result()
    finally:
        turns.release()


@cache
def _pool() -> tuple[BoundedSemaphore, ThreadPoolExecutor]:
    number = conf.CHAT_IMAGE_THREADS
    return BoundedSemaphore(number * (1 + WAITING)), ThreadPoolExecutor(number, "images")


def _remade(file: IO[bytes], kind: str) -> Picture:
    try:
        file.seek(0)
        with Image.open(file, formats=[kind]) as image:
            return _picture(image, kind)
    except ChatError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):  # Pillow looks at the header, too
        raise InvalidAttachment("The image has too many pixels") from None
    except Exception as error:  # noqa: BLE001 - decoders raise many kinds of errors for what is no image
        log.info("image.unreadable", kind=kind, error=type(error).__name__)
        raise InvalidAttachment("The image cannot be read") from None


def _picture(image: Image.Image, kind: str) -> Picture:
    frames, durations = _frames(image, 1 if kind == "JPEG" else MAX_FRAMES)
    options = dict(OPTIONS[kind])
    if len(frames) > 1:
        options |= {"save_all": True, "append_images": frames[1:], "duration": durations}
        options |= {"loop": image.info["loop"]} if "loop" in image.info else {}
        options |= {"disposal": 2} if kind == "GIF" else {}
    width, height = frames[0].size
    return Picture(_saved(frames[0], kind, options), width, height, _thumbnail(frames))


def _frames(image: Image.Image, most: int) -> tuple[list[Image.Image], list[int]]:
    """The pictures of a file, and how long each is shown; those of an animation have CHAT_FILE_PIXELS together."""
    frames: list[Image.Image] = []
    durations: list[int] = []
    limit = conf.CHAT_FILE_PIXELS
    for n in range(most):
        try:
            image.seek(n)  # finds the frame, and decodes nothing of it
        except EOFError:
            return frames, durations
        if 0 < limit < image.width * image.height * (n + 1):
            raise InvalidAttachment(f"The image has over {limit} pixels" + (" in all its frames" if n else ""))
        frames.append(_plain(image))
        durations.append(int(image.info.get("duration", 100)))
    if most > 1:
        raise InvalidAttachment(f"The animation has over {most} frames")
    return frames, durations


def _plain(image: Image.Image) -> Image.Image:
    """Its pixels as people see them, and nothing beside them."""
    upright = ImageOps.exif_transpose(image)  # a copy in any case
    if upright.mode.startswith("I"):  # 16 bits of grey
        upright = upright.convert("L")
    mode = "RGBA" if upright.has_transparency_data else "RGB"
    plain = upright if upright.mode == mode else upright.convert(mode)
    plain.info = {}
    return plain


def _thumbnail(frames: list[Image.Image]) -> IO[bytes] | None:
    size = conf.CHAT_THUMBNAIL_PIXELS
    if not size or (len(frames) == 1 and max(frames[0].size) <= size):
        return None
    small = frames[0].copy()
    small.thumbnail((size, size))
    return _saved(small, "WEBP", {"quality": 80})


def _saved(image: Image.Image, kind: str, options: Mapping[str, Any]) -> IO[bytes]:
    file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - whoever gets it closes it
    try:
        image.save(file, kind, **options)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file
