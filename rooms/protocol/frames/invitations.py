"""A link that makes people members of a room."""

from rooms.protocol.frames.base import Frame


class Invitation(Frame, tag="invitation"):
    """Answers `create-invitation`. The `code` is shown this once; `url` is the path of the page that accepts it.

    `uses` is how many people it makes members; 0: any number.
    """

    room_id: str
    code: str
    url: str
    expires_at: str
    uses: int


FRAMES: tuple[type[Frame], ...] = (Invitation,)
