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
    posting,
    presence,
    rooms,
    session,
)
from rooms.protocol.frames.base import Frame

FRAMES: tuple[type[Frame], ...] = tuple(
    frame
    for module in (
        session,
        rooms,
        members,
        invitations,
        presence,
        posting,
        changes,
        deletions,
        moderation,
        history,
        blocks,
        announcements,
    )
    for frame in module.FRAMES
)
