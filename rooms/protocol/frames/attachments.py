"""Files of messages."""

import msgspec


class Attachment(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """A file of a message. `size` is in bytes; `width` and `height` of a picture are in pixels."""

    id: str
    name: str
    size: int
    content_type: str
    url: str
    thumbnail_url: str | None = None
    width: int | None = None
    height: int | None = None
