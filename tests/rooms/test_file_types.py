"""A file's type is decided by its first bytes, and only what is safe to be shown in place has one."""

import pytest

from rooms.file_types import INLINE, OTHER, content_type
from tests.support.pictures import animation, picture

FILES = {
    "image/png": picture("PNG"),
    "image/jpeg": picture("JPEG"),
    "image/gif": animation("GIF"),
    "image/webp": picture("WEBP"),
    "video/mp4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41",
    "audio/mp4": b"\0\0\0\x20ftypM4A \0\0\2\0M4A mp42isom",
    "video/webm": b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\1\x42\xf7\x81\1\x42\xf2\x81\4\x42\xf3\x81\x08\x42\x82\x84webm",
    "audio/mpeg": b"ID3\4\0\0\0\0\0\x23",
    "audio/ogg": b"OggS\0\2" + bytes(22) + b"\1\x1e\1vorbis",
    "video/ogg": b"OggS\0\2" + bytes(22) + b"\1\x2a\x80theora",
}
OTHERS = {
    "a page": b"<!DOCTYPE html><script>alert(1)</script>",
    "a vector picture": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "the same as XML": b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>",
    "a document": b"%PDF-1.7",
    "an archive": b"PK\3\4",
    "a program": b"MZ\x90\0",
    "a bitmap": b"BM\x36\0\0\0",
    "a picture of a phone": b"\0\0\0\x20ftypheic\0\0\0\0mif1heic",
    "a film of QuickTime": b"\0\0\0\x14ftypqt  \0\0\2\0qt  ",
    "Matroska": b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska",
    "text in UTF-16": b"\xff\xfeh\0i\0",
    "a space before a picture": b" " + picture("PNG"),
    "nothing": b"",
}


@pytest.mark.parametrize("kind", FILES)
def test_what_may_be_shown_in_place_is_known(kind: str) -> None:
    assert content_type(FILES[kind]) == kind
    assert kind in INLINE


def test_a_sound_without_a_tag_is_known() -> None:
    assert content_type(b"\xff\xfb\x90\x64" + bytes(20)) == "audio/mpeg"


def test_each_type_has_an_example() -> None:
    assert FILES.keys() == INLINE


@pytest.mark.parametrize("what", OTHERS)
def test_all_else_is_data(what: str) -> None:
    assert content_type(OTHERS[what]) == OTHER
