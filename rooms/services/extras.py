"""What a message has besides its text: what it answers. Each subject has these three functions, and decides for itself.

A message that has any of it is stored under the lock of its room, so that what is looked up still holds.
"""

from collections.abc import Sequence
from typing import NamedTuple

from rooms.errors import ChatError
from rooms.services import replies
from rooms.storage import NewMessage, PostContext, Quoted, StoredMessage


class Found(NamedTuple):
    """What was looked up for a list of messages."""

    quoted: dict[int, Quoted]


def found(new: Sequence[NewMessage]) -> Found:
    return Found(quoted=replies.answered(new))


def refusal(new: NewMessage, context: PostContext, known: Found) -> ChatError | None:
    """What refuses a message for any of it."""
    return replies.refusal(new, context, known.quoted)


def attach(new: NewMessage, stored: StoredMessage, known: Found) -> StoredMessage:
    """Stores it with a message that was stored just now, in the same transaction."""
    return replies.attach(new, stored, known.quoted)
