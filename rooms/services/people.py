"""What the chat holds about one user, whatever the user model: handed over, erased, passed on; and their new name.

Their account is the project's: it deletes the user after `erase_messages`.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from rooms import storage
from rooms.conf import conf
from rooms.live import topics
from rooms.live.events import Event
from rooms.models import Attachment, Block, Membership, Message, MessageVersion, Reaction, Report, Room
from rooms.people import Shown
from rooms.protocol.codec import encode
from rooms.protocol.frames.base import DELETED_USER, UserRef
from rooms.protocol.frames.people import UserUpdated
from rooms.protocol.rules import timestamp
from rooms.services import attachments, changes, moderation
from rooms.services.publishing import publish_after_commit
from rooms.storage import search

ROWS = 500  # erased in one transaction: other writers wait for some milliseconds at most
ROWS_AT_ONCE = 2_000  # read from the database


class OwnMembership(msgspec.Struct, rename="camel", omit_defaults=True):
    room_id: str
    title: str
    kind: str
    role: str
    joined_at: str
    muted_until: str | None = None
    banned_until: str | None = None
    ban_reason: str = ""


class OwnBlock(msgspec.Struct, rename="camel"):
    user_id: str
    since: str


class OwnReport(msgspec.Struct, rename="camel"):
    kind: str
    reason: str
    reported_at: str


class OwnMessage(msgspec.Struct, rename="camel", omit_defaults=True):
    room_id: str
    seq: int
    content: str
    timestamp: str
    edited_at: str | None = None


class OwnVersion(msgspec.Struct, rename="camel"):
    """What a message said before an edit."""

    room_id: str
    seq: int
    content: str
    replaced_at: str


class OwnReaction(msgspec.Struct, rename="camel"):
    room_id: str
    seq: int
    emoji: str
    timestamp: str


class OwnFile(msgspec.Struct, rename="camel", omit_defaults=True):
    """What it says is at `url`, as long as the user may read the message."""

    name: str
    size: int
    uploaded_at: str
    url: str
    room_id: str | None = None
    seq: int | None = None


class Held(msgspec.Struct):
    """All that the chat holds about a user."""

    memberships: list[OwnMembership]
    blocks: list[OwnBlock]
    reports: list[OwnReport]
    messages: list[OwnMessage]
    versions: list[OwnVersion]
    reactions: list[OwnReaction]
    files: list[OwnFile]


def export(*, user_id: Any) -> Held:
    """What the chat holds about a user: their own text only, also that of rooms they have left."""
    memberships = Membership.objects.filter(user_id=user_id).select_related("room").order_by("pk")
    blocks = Block.objects.filter(blocker_id=user_id).order_by("pk")
    reports = Report.objects.filter(reporter_id=user_id).order_by("pk")
    written = Message.objects.filter(author_id=user_id, deleted_at=None).exclude(kind=changes.SYSTEM)
    messages = written.select_related("room").order_by("pk")
    versions = MessageVersion.objects.filter(message__author_id=user_id).select_related("message__room").order_by("pk")
    reactions = Reaction.objects.filter(user_id=user_id).select_related("message__room").order_by("pk")
    files = Attachment.objects.filter(Q(attached_at=None) | Q(message__isnull=False), owner_id=user_id, is_stored=True)
    return Held(
        [_own_membership(membership) for membership in memberships],
        [OwnBlock(str(block.blocked_id), timestamp(block.created_at)) for block in blocks],
        [OwnReport(report.kind, report.reason, timestamp(report.created_at)) for report in reports],
        [_own_message(message) for message in messages.iterator(ROWS_AT_ONCE)],
        [_own_version(version) for version in versions.iterator(ROWS_AT_ONCE)],
        [_own_reaction(reaction) for reaction in reactions.iterator(ROWS_AT_ONCE)],
        [_own_file(file) for file in files.select_related("message__room").order_by("created_at")],
    )


def _own_membership(membership: Membership) -> OwnMembership:
    return OwnMembership(
        room_id=membership.room.name,
        title=membership.room.title,
        kind=membership.room.kind,
        role=membership.role,
        joined_at=timestamp(membership.joined_at),
        muted_until=timestamp(membership.muted_until) if membership.muted_until else None,
        banned_until=timestamp(membership.banned_until) if membership.banned_until else None,
        ban_reason=membership.ban_reason,
    )


def _own_message(message: Message) -> OwnMessage:
    return OwnMessage(
        room_id=message.room.name,
        seq=message.seq,
        content=message.content,
        timestamp=timestamp(message.created_at),
        edited_at=timestamp(message.edited_at) if message.edited_at else None,
    )


def _own_version(version: MessageVersion) -> OwnVersion:
    message = version.message
    return OwnVersion(message.room.name, message.seq, version.content, timestamp(version.replaced_at))


def _own_reaction(reaction: Reaction) -> OwnReaction:
    message = reaction.message
    return OwnReaction(message.room.name, message.seq, reaction.emoji, timestamp(reaction.created_at))


def _own_file(file: Attachment) -> OwnFile:
    frame, message = storage.attachment_frame(file), file.message
    place = (message.room.name, message.seq) if message else (None, None)
    return OwnFile(file.name, file.size, timestamp(file.created_at), frame.url, *place)


# --- Erasure ----------------------------------------------------------------------------------------------------------
def erase_messages(*, user_id: Any) -> Iterator[int]:
    """Takes the author from all messages of a user, and with CHAT_ERASED_MESSAGES=delete their text; yields rows per
    transaction.

    Each message keeps its place. Rooms are sent no event for each: `user-updated` follows when the user is deleted,
    and deleted text is gone at the next load.
    """
    while erased := _erase_some(user_id):
        yield erased
    attachments.release_unattached(user_id=user_id)


def _erase_some(user_id: Any) -> int:
    """What a room itself says of what they did stays: it has no name any more."""
    nobody: dict[str, Any] = {"author": None, "client_id": None}
    with transaction.atomic():
        keys = list(Message.objects.filter(author_id=user_id).values_list("pk", flat=True)[:ROWS])
        theirs = Message.objects.filter(pk__in=keys)
        if conf.CHAT_ERASED_MESSAGES == "delete":
            changes.erase_kept(keys)
            gone = {**changes.ERASED, "deleted_at": Coalesce(F("deleted_at"), timezone.now())}
            theirs.exclude(kind=changes.SYSTEM).update(**nobody, **gone)
            theirs = theirs.filter(kind=changes.SYSTEM)
            search.unindex(keys)
        else:
            changes.erase_versions(keys)
        theirs.update(**nobody)
        return len(keys)


def pass_on_rooms(*, user_id: Any) -> None:
    """Each room of which this user is the only owner gets another: its longest-standing moderator, else member."""
    with transaction.atomic():
        owned = Membership.objects.filter(user_id=user_id, role=Membership.Role.OWNER).order_by("room_id")
        for room_id in list(owned.values_list("room_id", flat=True)):
            Room.objects.select_for_update().filter(pk=room_id).first()  # ownership changes under the lock of the row
            if (heir := _heirs(room_id, user_id).first()) and heir.role != Membership.Role.OWNER:
                moderation.set_membership(room_id=room_id, user_id=heir.user_id, role=Membership.Role.OWNER)


def _heirs(room_id: int, user_id: Any) -> QuerySet[Membership]:
    """The other members who are not banned: owners, moderators, members, each the longest-standing first."""
    roles = (Membership.Role.OWNER, Membership.Role.MODERATOR, Membership.Role.MEMBER)
    order = [When(role=role, then=Value(rank)) for rank, role in enumerate(roles)]
    others = Membership.objects.filter(room_id=room_id, role__in=roles).exclude(user_id=user_id)
    admitted = others.filter(Q(banned_until=None) | Q(banned_until__lte=timezone.now()))
    return admitted.order_by(Case(*order, output_field=IntegerField()), "joined_at", "pk")


# --- Names ------------------------------------------------------------------------------------------------------------
def announce_name(*, user_id: Any, shown: Shown) -> None:
    """Everybody signed in learns a user's new name or picture after the commit."""
    _publish(UserUpdated(user=UserRef(str(user_id), shown.name, shown.avatar)))


def announce_deleted(*, user_id: Any) -> None:
    """Everybody signed in learns after the commit that this user is no more."""
    _publish(UserUpdated(user=UserRef(str(user_id), DELETED_USER), deleted=True))


def _publish(frame: UserUpdated) -> None:
    publish_after_commit(lambda: [Event(topics.EVERYONE, encode(frame))])
