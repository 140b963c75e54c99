"""What the server sends, by subject: one class per event and answer, with its tag and fields."""

from rooms.protocol.frames import (
    announcements,
    blocks,
    changes,
    deletions,
    directory,
    edits,
    history,
    invitations,
    marks,
    members,
    mentions,
    moderation,
    people,
    pins,
    posting,
    presence,
    reactions,
    rooms,
    search,
    session,
    slash_commands,
    streams,
    threads,
    typing,
)
from rooms.protocol.frames.base import Frame

SUBJECTS = (
    session, rooms, members, invitations, presence, people, posting, slash_commands, streams, changes, edits, reactions,
    deletions, moderation, history, threads, pins, search, directory, typing, marks, mentions, blocks, announcements,
)  # fmt: skip
FRAMES: tuple[type[Frame], ...] = tuple(frame for module in SUBJECTS for frame in module.FRAMES)
