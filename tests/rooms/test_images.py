"""Images of strangers are re-encoded from their pixels, and refused before they cost anything."""

import io
import tracemalloc
from contextlib import closing
from typing import Any, NamedTuple

import pytest
from PIL import Image

from rooms import images
from rooms.errors import InvalidAttachment, Unavailable
from rooms.file_types import IMAGES, content_type
from tests.support.pictures import animation, bomb, photograph, picture, saved

SCRIPT = b"<script>alert(document.domain)</script>"


class Made(NamedTuple):
    """A new file, as it is and opened, and its size and thumbnail as they are said."""

    data: bytes
    image: Any
    size: tuple[int, int]
    thumbnail: Any


def remade(content: bytes) -> Made:
    with closing(images.remade(io.BytesIO(content), content_type(content))) as made:
        data, small = made.file.read(), made.thumbnail.read() if made.thumbnail else None
    thumbnail = Image.open(io.BytesIO(small)) if small else None
    return Made(data, Image.open(io.BytesIO(data)), (made.width, made.height), thumbnail)


@pytest.mark.parametrize("kind", IMAGES.values())
def test_an_image_keeps_its_type_its_size_and_its_pixels(kind: str) -> None:
    made = remade(picture(kind, (30, 20), "blue"))
    assert IMAGES[content_type(made.data)] == kind
    assert made.size == made.image.size == (30, 20)
    red, _, blue = made.image.convert("RGB").getpixel((15, 10))
    assert blue > 240
    assert red < 15


def test_a_photograph_stands_upright_and_does_not_say_where_it_was_taken() -> None:
    content = photograph((30, 20))
    assert b"At home" in content
    data, image, *_ = remade(content)
    assert image.size == (20, 30)
    assert not image.getexif()
    assert b"At home" not in data
    assert b"Exif" not in data


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_nothing_of_the_exif_of_any_type_is_left(kind: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = "At home"
    content = picture(kind, exif=exif)
    assert b"At home" in content
    assert b"At home" not in remade(content).data


@pytest.mark.parametrize(
    "content",
    [
        picture("PNG") + SCRIPT,
        picture("JPEG") + b"PK\3\4" + SCRIPT,
        picture("GIF", comment=SCRIPT),
        picture("JPEG", comment=SCRIPT),
        picture("PNG", icc_profile=SCRIPT),
        picture("GIF") + SCRIPT,
    ],
    ids=["a page behind", "an archive behind", "a comment", "a comment of JPEG", "a profile", "a page behind GIF"],
)
def test_what_another_program_would_read_in_it_is_gone(content: bytes) -> None:
    assert SCRIPT in content or b"iCCP" in content
    data = remade(content).data
    assert SCRIPT not in data
    assert b"iCCP" not in data


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)//",
        b"\x89PNG\r\n\x1a\n" + SCRIPT,
        picture("PNG", (200, 200))[:-40],
        saved(Image.effect_noise((90, 90), 90), "JPEG")[:2_000],
        animation("GIF")[:-30],
    ],
    ids=["a script", "a page", "a cut PNG", "a cut JPEG", "a cut GIF"],
)
def test_what_is_no_whole_image_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidAttachment):
        remade(content)


@pytest.mark.parametrize("size", [(30_000, 30_000), (8_000, 8_000)])
def test_a_huge_image_is_refused_by_its_header(size: tuple[int, int]) -> None:
    remade(picture())  # whatever the first one loads
    tracemalloc.start()
    try:
        with pytest.raises(InvalidAttachment, match="pixels"):
            remade(bomb(*size))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_the_limit_is_of_all_frames_together(settings: Any) -> None:
    settings.CHAT_FILE_PIXELS = 8 * 6 * 3
    assert remade(animation("GIF", 3)).image.n_frames == 3
    with pytest.raises(InvalidAttachment, match="all its frames"):
        remade(animation("GIF", 4))
    settings.CHAT_FILE_PIXELS = 0
    assert remade(animation("GIF", 4)).image.n_frames == 4


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_stays_one_and_has_a_still_thumbnail(kind: str) -> None:
    made = remade(animation(kind))
    assert made.image.n_frames == 3
    small = made.thumbnail
    assert (small.format, small.size, small.n_frames) == ("WEBP", (8, 6), 1)


def test_a_large_image_has_a_thumbnail_and_a_small_one_needs_none(settings: Any) -> None:
    settings.CHAT_THUMBNAIL_PIXELS = 40
    assert remade(picture(size=(40, 30))).thumbnail is None
    assert remade(picture(size=(80, 30))).thumbnail.size == (40, 15)
    settings.CHAT_THUMBNAIL_PIXELS = 0
    assert remade(picture(size=(80, 30))).thumbnail is None


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "I;16"])
def test_images_of_other_colours_are_taken(mode: str) -> None:
    assert remade(saved(Image.new(mode, (8, 6)), "PNG")).image.size == (8, 6)


def test_transparency_stays() -> None:
    image = remade(saved(Image.new("RGBA", (8, 6), (255, 0, 0, 0)), "PNG")).image
    assert image.convert("RGBA").getpixel((0, 0))[3] == 0


def test_more_than_can_wait_are_told_to_come_back() -> None:
    turns, _ = images._pool()
    taken = 0
    while turns.acquire(blocking=False):
        taken += 1
    try:
        with pytest.raises(Unavailable):
            remade(picture())
    finally:
        for _ in range(taken):
            turns.release()
    remade(picture())
