"""What messages said before they were edited."""

import msgspec

from rooms.protocol.frames.base import Frame


class Version(msgspec.Struct, rename="camel", frozen=True):
    content: str
    written_at: str
    replaced_at: str


class Versions(Frame, tag="versions"):
    """Answers `get-versions`: the texts that edits have replaced, oldest first, the newest 100 at most."""

    room_id: str
    message_id: str
    versions: list[Version]


FRAMES: tuple[type[Frame], ...] = (Versions,)
