"""What kind of file some bytes are, by the first of them. Neither its name nor what the client says counts. Pure.

The table is the list of what browsers may show in place: whatever is not in it is data to be saved, as is a file that
a browser might take for a page or a script.
"""

import re
from collections.abc import Mapping

HEAD_BYTES = 4_096  # enough to know a file by
OTHER = "application/octet-stream"
IMAGES: Mapping[str, str] = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}
PLAYED = frozenset({"video/mp4", "audio/mp4", "video/webm", "audio/mpeg", "audio/ogg", "video/ogg"})
INLINE = PLAYED | IMAGES.keys()
_SIGNATURES = (
    ("image/png", rb"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", rb"\xff\xd8\xff"),
    ("image/gif", rb"GIF8[79]a"),
    ("image/webp", rb"RIFF....WEBPVP8[ LX]"),
    ("video/mp4", rb"....ftyp(?:iso[m2-9]|mp4[12]|avc1|dash|M4V |MSNV)"),
    ("audio/mp4", rb"....ftypM4A "),
    ("video/webm", rb"\x1a\x45\xdf\xa3.{0,40}?\x42\x82.{1,8}?webm"),
    ("audio/ogg", rb"OggS\x00.{0,60}?(?:\x01vorbis|OpusHead|\x7fFLAC|Speex   )"),
    ("video/ogg", rb"OggS\x00.{0,60}?\x80theora"),
    ("audio/mpeg", rb"ID3[\x02-\x04]|\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xef]"),  # a tag, or a frame of layer III
)
_TABLE = [(kind, re.compile(signature, re.DOTALL)) for kind, signature in _SIGNATURES]


def content_type(head: bytes) -> str:
    """The type of a file that begins with these bytes; OTHER for all that is not shown in place."""
    return next((kind for kind, signature in _TABLE if signature.match(head)), OTHER)
