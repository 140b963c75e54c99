"""What a message has besides its text: what it answers, whom it mentions, its files, and how a bot has written it.

Each subject decides for itself. A message that has any of it is stored under the lock of its room, so that what is
looked up still holds.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from rooms.errors import ChatError
from rooms.services import attachments, bots, mentions, replies, stream_starts
from rooms.storage import NewMessage, PostContext, Quoted, StoredMessage

Answer = StoredMessage | ChatError


class Found(NamedTuple):
    """What was looked up for a list of messages."""

    quoted: dict[int, Quoted]
    mentioned: mentions.Found
    files: attachments.Found
    streams: Counter[Any]  # open ones of each author


def found(new: Sequence[NewMessage]) -> Found:
    return Found(replies.answered(new), mentions.found(new), attachments.found(new), stream_starts.opened(new))


def refusal(new: NewMessage, context: PostContext, known: Found) -> ChatError | None:
    """What refuses a message for any of it."""
    return (
        replies.refusal(new, context, known.quoted)
        or attachments.refusal(new, context, known.files)
        or stream_starts.refusal(new, known.streams)
    )


def attached(new: Sequence[NewMessage], answers: Sequence[Answer], known: Found) -> list[Answer]:
    """Stores it with those messages that were stored just now, in the same transaction, and answers all."""
    whole = [
        _attached(one, answer, known) if type(answer) is StoredMessage else answer
        for one, answer in zip(new, answers, strict=True)
    ]
    pairs = [(one, answer) for one, answer in zip(new, whole, strict=True) if type(answer) is StoredMessage]
    found = iter(mentions.attach(pairs, known.mentioned, known.quoted))
    return [next(found) if type(answer) is StoredMessage else answer for answer in whole]


def _attached(new: NewMessage, stored: StoredMessage, known: Found) -> StoredMessage:
    stored = attachments.attach(new, bots.attach(new, replies.attach(new, stored, known.quoted)), known.files)
    return stream_starts.attach(new, stored, known.quoted)
