"""Editing one's own messages, and what they said before.

An edit follows the rules of a new message: rights, hooks, word filter, length. Slow mode does not count it.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial

from django.db.models import QuerySet
from django.utils import timezone

from rooms import access, hooks, storage
from rooms.access import Action, refusal
from rooms.callers import Actor
from rooms.conf import conf
from rooms.errors import Conflict, EditWindowOver, Forbidden, NoSuchMessage
from rooms.models import Message, MessageVersion
from rooms.protocol.frames.edits import Version
from rooms.protocol.rules import text_content, timestamp
from rooms.services import blocks, changes, mentions, messages
from rooms.storage import RoomAccess, StoredMessage

ROWS = 500  # deleted in one transaction
SHOWN = 100  # versions of one message
SLOW_CLIENT_S = 5  # an edit that was begun within the window may arrive after it


def edit_message(
    *,
    actor: Actor,
    name: str,
    message_id: str,
    content: str,
    if_changed_seq: int | None = None,
    names: Sequence[str] = (),
) -> StoredMessage:
    """Replaces the text of one's own message; the same text changes nothing. Answers the message as it is now.

    With `if_changed_seq` it is refused when the text was edited after that seq. `names` are of people whom it mentions
    besides those in the text. Raises NoSuchRoom, Banned, Muted,
    Locked, Blocked, Forbidden, NoSuchMessage, EditWindowOver, Conflict, BadFrame, TooLarge, Filtered.
    """
    room = access.authorize(actor, name, Action.EDIT)
    found = messages.find(room, message_id)
    if found.author_id != actor.user_id:
        raise Forbidden("Only its author edits a message")
    has_files = bool(found.file_count)
    text = hooks.check_post(actor.user_id, room.room_id, text_content(content, has_files=has_files))
    check = partial(_check, actor, room, text, if_changed_seq)
    moderates, given = "moderator" in actor.roles, mentions.checked(names)
    edited = changes.edit_message(
        message_id=found.id, content=text, names=given, moderates=moderates, has_files=has_files, check=check
    )
    if edited is None:
        raise NoSuchMessage
    return edited


def _check(actor: Actor, room: RoomAccess, text: str, if_changed_seq: int | None, message: Message) -> None:
    """Raises what refuses the edit of this message, under the lock of its room."""
    now = timezone.now()
    today = storage.access_by_id(user_id=actor.user_id, room_id=room.room_id)
    if error := refusal(today, Action.EDIT, now, actor.roles):
        raise error
    blocks.check_direct(room, actor)
    if message.content == text:
        return
    window_s = conf.CHAT_EDIT_WINDOW_S
    if window_s == 0 or (window_s and now > message.created_at + timedelta(seconds=window_s + SLOW_CLIENT_S)):
        raise EditWindowOver
    if if_changed_seq is not None and (message.edited_seq or 0) > if_changed_seq:
        present = storage.message(message_id=message.pk)
        current = changes.whole_frame(present) if present is not None else None
        raise Conflict("The message was edited meanwhile", current=current)


# --- What it said before ----------------------------------------------------------------------------------------------
def versions(*, actor: Actor, name: str, message_id: str) -> list[Version]:
    """For moderators: the texts that edits of a message have replaced, the newest SHOWN of them, oldest first.

    Raises NoSuchRoom, Banned, Forbidden, NoSuchMessage.
    """
    room = access.authorize(actor, name, Action.SEE_VERSIONS)
    found = messages.find(room, message_id)
    rows = MessageVersion.objects.filter(message_id=found.id).order_by("-pk")[:SHOWN]
    return [Version(row.content, timestamp(row.written_at), timestamp(row.replaced_at)) for row in reversed(rows)]


def outdated(*, days: int) -> int:
    """How many versions were replaced more than this number of days ago."""
    return _replaced_before(days).count()


def prune(*, days: int) -> Iterator[int]:
    """Deletes what was replaced more than this number of days ago; yields rows per transaction."""
    while keys := list(_replaced_before(days).order_by("replaced_at").values_list("pk", flat=True)[:ROWS]):
        yield MessageVersion.objects.filter(pk__in=keys).delete()[0]


def _replaced_before(days: int) -> QuerySet[MessageVersion]:
    return MessageVersion.objects.filter(replaced_at__lt=timezone.now() - timedelta(days=days))
