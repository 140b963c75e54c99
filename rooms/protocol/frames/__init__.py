"""What the server sends, by subject: one class per event and answer, with its tag and fields."""

from rooms.protocol.frames import (
    announcements,
    blocks,
    changes,
    deletions,
    history,
    invitations,
    marks,
    members,
    moderation,
    people,
    posting,
    presence,
    rooms,
    session,
    typing,
)
from rooms.protocol.frames.base import Frame

SUBJECTS = (
    session, rooms, members, invitations, presence, people, posting, typing, changes, deletions, moderation, history,
    marks, blocks, announcements,
)  # fmt: skip
FRAMES: tuple[type[Frame], ...] = tuple(frame for module in SUBJECTS for frame in module.FRAMES)
