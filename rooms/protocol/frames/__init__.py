"""What the server sends, by subject: one class per event and answer, with its tag and fields."""

from rooms.protocol.frames import (
    announcements,
    blocks,
    changes,
    deletions,
    history,
    invitations,
    members,
    moderation,
    people,
    posting,
    presence,
    rooms,
    search,
    session,
)
from rooms.protocol.frames.base import Frame

SUBJECTS = (
    session, rooms, members, invitations, presence, people, posting, changes, deletions, moderation, history, search,
    blocks, announcements,
)  # fmt: skip
FRAMES: tuple[type[Frame], ...] = tuple(frame for module in SUBJECTS for frame in module.FRAMES)
