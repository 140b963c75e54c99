"""What the server sends, by subject: one class per event and answer, with its tag and fields."""

from rooms.protocol.frames import (
    announcements,
    changes,
    deletions,
    history,
    moderation,
    posting,
    presence,
    rooms,
    session,
)
from rooms.protocol.frames.base import Frame

FRAMES: tuple[type[Frame], ...] = tuple(
    frame
    for module in (session, rooms, presence, posting, changes, deletions, moderation, history, announcements)
    for frame in module.FRAMES
)
