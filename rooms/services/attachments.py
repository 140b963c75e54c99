"""Files of messages: attached once by their owner, read by who may read the message, let go when it goes.

Uploading is in `uploads`, deleting what is stored in `sweeping`.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import msgspec
from django.db.models import Case, IntegerField, Value, When
from django.utils import timezone

from rooms import access, storage
from rooms.conf import conf
from rooms.errors import Banned, Forbidden, InvalidAttachment, NoSuchAttachment, NoSuchRoom
from rooms.models import Attachment, Message
from rooms.storage import NewMessage, PostContext, StoredMessage

Claimant = tuple[Any, str | None, int]


class Found(NamedTuple):
    """The files that new messages of one list want, locked, and which message of the list gets each."""

    rows: dict[str, Attachment]
    claims: dict[str, Claimant]


# --- For messages that are being stored -------------------------------------------------------------------------------
def found(messages: Sequence[NewMessage]) -> Found:
    """The files that these messages want and nobody has yet. They stay locked: of two messages one gets a file."""
    ids = {one for new in messages for one in new.attachments}
    if not ids:
        return Found({}, {})
    free = Attachment.objects.select_for_update(of=("self",)).filter(message=None, attached_at=None, is_stored=True)
    return Found({row.pk: row for row in free.filter(pk__in=ids).order_by("pk")}, {})


def refusal(new: NewMessage, context: PostContext, found: Found) -> InvalidAttachment | None:  # noqa: ARG001 - as of all extras
    """What refuses a message one of whose files is not there, not its author's, or another message's."""
    if not new.attachments:
        return None
    if 0 < conf.CHAT_MAX_FILES_PER_MESSAGE < len(new.attachments):
        return InvalidAttachment(f"A message has at most {conf.CHAT_MAX_FILES_PER_MESSAGE} files")
    claimant = (new.author_id, new.client_id, 0 if new.client_id is not None else id(new))
    for one in new.attachments:
        row = found.rows.get(one)
        if row is None or row.owner_id != new.author_id or found.claims.get(one, claimant) != claimant:
            return NoSuchAttachment()
    found.claims.update(dict.fromkeys(new.attachments, claimant))
    return None


def attach(new: NewMessage, stored: StoredMessage, found: Found) -> StoredMessage:
    """Gives a message that was stored just now its files, in the same transaction."""
    if not new.attachments:
        return stored
    ids = list(dict.fromkeys(new.attachments))
    places = [When(pk=one, then=Value(place)) for place, one in enumerate(ids)]
    Attachment.objects.filter(pk__in=ids).update(
        message_id=stored.id, attached_at=timezone.now(), place=Case(*places, output_field=IntegerField())
    )
    Message.objects.filter(pk=stored.id).update(file_count=len(ids))
    shown = [storage.attachment_frame(found.rows[one]) for one in ids]
    return msgspec.structs.replace(stored, file_count=len(ids), attachments=shown)


# --- For messages that go ---------------------------------------------------------------------------------------------
def release(message_ids: Collection[int]) -> None:
    """Nobody can read the files of these messages any more, and the sweep deletes them."""
    Attachment.objects.filter(message_id__in=message_ids).update(message=None)


def release_one(message_id: int, attachment_id: str) -> bool:
    """The same for one file of a message; False when the message has no such file."""
    return bool(Attachment.objects.filter(pk=attachment_id, message_id=message_id).update(message=None))


def release_unattached(*, user_id: Any) -> None:
    """The same for what a user has uploaded and not sent."""
    Attachment.objects.filter(owner_id=user_id, attached_at=None).update(attached_at=timezone.now())


# --- For readers ------------------------------------------------------------------------------------------------------
def readable(*, user_id: Any, attachment_id: str) -> Attachment:
    """A file that this user may read now: of a message that they may read, or their own that no message has yet.

    Raises NoSuchAttachment for every other one, whatever the reason.
    """
    row = Attachment.objects.select_related("message").filter(pk=attachment_id, is_stored=True).first()
    if row is None:
        raise NoSuchAttachment
    if row.message is None:
        if row.attached_at is not None or row.owner_id != user_id:
            raise NoSuchAttachment
        return row
    try:
        room = access.entry_by_id(user_id, row.message.room_id)
    except (NoSuchRoom, Banned, Forbidden):
        raise NoSuchAttachment from None
    if row.message.deleted_at is not None or row.message.seq <= room.visible_from_seq:
        raise NoSuchAttachment
    return row
