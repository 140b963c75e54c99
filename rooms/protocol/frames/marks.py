"""How far somebody has read, what one has not, and who has read a message."""

import msgspec

from rooms.protocol.frames.base import Frame, UserRef


class ReadMarker(Frame, tag="read-marker"):
    """The user has read the room up to `seq`. It comes to their other connections; and, when they have read on, to all
    who are in a room of 100 members at most (CHAT_MAX_RECEIPT_MEMBERS), unless they hide it: once for all they read
    within a second. Of two, the one with the higher `version` is the later one, or else the one with the higher `seq`.
    """

    room_id: str
    user: UserRef
    seq: int
    version: int


class Unread(msgspec.Struct, rename="camel", frozen=True):
    """`unread` counts messages of others above `readSeq` that are not deleted, up to 100, which stands for any more;
    `mentions` those among them that mention the user or everybody, without those of people the user has blocked.

    It is not what lies between `readSeq` and `headSeq`: edits and deletions take seqs, too.
    """

    room_id: str
    unread: int
    mentions: int
    read_seq: int
    version: int
    head_seq: int


class UnreadRooms(Frame, tag="unread"):
    """Answers `get-unread`: the rooms that the user is a member of, by name. `hidden`, where it is there: nobody else
    learns what they have read.
    """

    rooms: list[Unread]
    hidden: bool | None = None


class Readers(Frame, tag="readers"):
    """Answers `get-readers`: `count` of the `of` members who could have, have read the message. Not among them are its
    author, who may not see it, and who hides what they read.
    """

    room_id: str
    message_id: str
    count: int
    of: int
    users: list[UserRef]
    next: str | None = None


FRAMES: tuple[type[Frame], ...] = (ReadMarker, UnreadRooms, Readers)
