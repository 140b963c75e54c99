"""Invitation links: made by moderators of a room, accepted by whoever has the code, revoked.

The code has 128 random bits and is returned once; what is stored is its hash. Whatever is wrong with a code, the answer
is the same.
"""

import hashlib
import secrets
from datetime import timedelta
from typing import NamedTuple

import msgspec
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from rooms import access, hooks, storage
from rooms.access import Action
from rooms.addresses import address
from rooms.callers import Actor
from rooms.conf import conf
from rooms.errors import BadFrame, InvalidInvitation
from rooms.models import Invitation, Membership
from rooms.protocol.commands.invitations import HOURS_DEFAULT, USES_DEFAULT
from rooms.protocol.frames.invitations import Invitation as InvitationFrame
from rooms.protocol.rules import timestamp
from rooms.services import audit, system_messages
from rooms.services.members import make_member, require_invitations
from rooms.storage import RoomAccess, RoomEntry

CODE_BYTES = 16


class Created(NamedTuple):
    """`code` is known only here."""

    invitation: Invitation
    code: str


def create(*, actor: Actor, name: str, hours: int = HOURS_DEFAULT, uses: int = USES_DEFAULT) -> Created:
    """Makes an invitation to a room; raises NoSuchRoom, Banned, Forbidden, BadFrame for too many hours."""
    room = access.authorize(actor, name, Action.UPDATE)
    require_invitations(room)
    limit = conf.CHAT_INVITATION_HOURS
    if 0 < limit < hours:
        raise BadFrame(f"An invitation is valid for {limit} hours at most")
    code = secrets.token_urlsafe(CODE_BYTES)
    now = timezone.now()
    with transaction.atomic():
        made = Invitation.objects.create(
            room_id=room.room_id,
            code_hash=_hash(code),
            created_by_id=actor.user_id,
            created_at=now,
            expires_at=now + timedelta(hours=hours),
            max_uses=uses,
        )
        audit.record(actor, "create-invitation", room=room, invitation=made.pk, hours=hours, uses=uses)
    return Created(made, code)


def path(code: str) -> str:
    """The path of the page that accepts this code; empty where the chat's pages are not served."""
    return address("invitation", code)


def frame(name: str, created: Created) -> InvitationFrame:
    invitation, code = created
    return InvitationFrame(
        room_id=name,
        code=code,
        url=path(code),
        expires_at=timestamp(invitation.expires_at),
        uses=invitation.max_uses,
    )


def shown(*, actor: Actor, code: str) -> RoomEntry:
    """The room that a code opens for this person; raises InvalidInvitation, Banned.

    One that is used up still opens it for a member: maybe it was they who used it.
    """
    invitation = _live().filter(code_hash=_hash(code)).first()
    room = storage.entry_by_id(user_id=actor.user_id, room_id=invitation.room_id) if invitation else None
    if invitation is None or room is None or (room.role is None and not _has_uses(invitation)):
        raise InvalidInvitation
    as_member = msgspec.structs.replace(room, role=room.role or Membership.Role.MEMBER.value)
    if error := access.refusal(as_member, Action.READ, timezone.now()):
        raise error
    hooks.check_join(actor.user_id, room.room_id)
    return room


def _has_uses(invitation: Invitation) -> bool:
    return not invitation.max_uses or invitation.uses < invitation.max_uses


def accept(*, actor: Actor, code: str) -> RoomEntry:
    """Makes the actor a member of the room of this code; raises InvalidInvitation, Banned.

    The last use is counted once, whoever comes at the same moment. A member uses nothing up.
    """
    room = shown(actor=actor, code=code)
    with transaction.atomic():
        if make_member(room_id=room.room_id, user_id=actor.user_id):
            if not _usable().filter(code_hash=_hash(code)).update(uses=F("uses") + 1):
                raise InvalidInvitation
            audit.record(actor, "accept-invitation", room=room)
            system_messages.add(room.room_id, actor, "member-joined")
    return access.entry_by_id(actor.user_id, room.room_id)


def open_invitations(*, actor: Actor, name: str) -> list[Invitation]:
    """The invitations to a room that are valid now, the newest first."""
    room = access.authorize(actor, name, Action.UPDATE)
    return list(_usable().filter(room_id=room.room_id).order_by("-pk"))


def revoke(*, actor: Actor, name: str, invitation_id: int) -> None:
    """Ends an invitation, as a moderator of its room; raises InvalidInvitation when the room has no such one."""
    room = access.authorize(actor, name, Action.UPDATE)
    found = Invitation.objects.filter(pk=invitation_id, room_id=room.room_id).first()
    if found is None:
        raise InvalidInvitation
    _revoke(actor, found, room)


def revoke_as_staff(*, actor: Actor, invitation: Invitation) -> None:
    """The same for who has the permission in the admin, of the room a member or not."""
    _revoke(actor, invitation, storage.access_by_id(user_id=actor.user_id, room_id=invitation.room_id))


def _revoke(actor: Actor, invitation: Invitation, room: RoomAccess | None) -> None:
    with transaction.atomic():
        if Invitation.objects.filter(pk=invitation.pk, revoked_at=None).update(revoked_at=timezone.now()):
            audit.record(actor, "revoke-invitation", room=room, invitation=invitation.pk)


def _live() -> QuerySet[Invitation]:
    return Invitation.objects.filter(revoked_at=None, expires_at__gt=timezone.now(), room__removed_at=None)


def _usable() -> QuerySet[Invitation]:
    return _live().filter(Q(max_uses=0) | Q(uses__lt=F("max_uses")))


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
