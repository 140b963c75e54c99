"""Small images, and files that only look like some."""

import io
import struct
import zlib
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from rooms.models import Attachment
from rooms.services.uploads import upload


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 6), color: str = "red", **options: Any) -> bytes:
    return saved(Image.new("RGB", size, color), kind, **options)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def animation(kind: str, frames: int = 3, size: tuple[int, int] = (8, 6)) -> bytes:
    images = [Image.new("RGB", size, (n * 60 % 256, 0, 0)) for n in range(frames)]
    return saved(images[0], kind, save_all=True, append_images=images[1:], duration=100, loop=0)


def photograph(size: tuple[int, int] = (8, 6)) -> bytes:
    """As a phone makes it: lying on its side, with the place where it was taken."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "At home"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0)})
    return picture("JPEG", size, exif=exif)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header names this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(1_000))), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


def uploaded(user: Any, content: bytes = b"some text", name: str = "notes.txt") -> Attachment:
    return upload(user_id=user.pk, file=SimpleUploadedFile(name, content), name=name, size=len(content))
