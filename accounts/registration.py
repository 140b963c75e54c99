"""Who may make an account: everybody, who has an invitation, or nobody (CHAT_REGISTRATION). Plain sync functions.

An invitation's code is random enough (96 bits) for a plain hash. Only whom it was shown when it was made knows it.
"""

import hashlib
import secrets
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts import services
from accounts.models import Invitation, User
from rooms.conf import conf
from rooms.errors import Forbidden, InvalidInvitation

CODE_BYTES = 12


def is_open() -> bool:
    """Whether anybody can register, with or without an invitation."""
    return conf.CHAT_REGISTRATION != "closed"


def needs_invitation() -> bool:
    return conf.CHAT_REGISTRATION == "invitation"


def register(*, username: str, password: str, email: str = "", invitation: str = "") -> User:
    """Makes an account, if this site lets people do so.

    Raises Forbidden where registration is closed, InvalidInvitation, and ValidationError as `services.register`.
    """
    if not is_open():
        raise Forbidden("Nobody can register here")
    if not needs_invitation():
        return services.register(username=username, password=password, email=email)
    if not _good(invitation).exists():  # before anything that costs time, or tells which names are taken
        raise InvalidInvitation
    user = services.new_user(username=username, password=password, email=email)
    with transaction.atomic():
        _use(invitation)
        return services.store_user(user)


def invite(*, created_by: User, uses: int, expires_at: datetime, note: str = "") -> tuple[Invitation, str]:
    """A new invitation and its code, which nobody can be shown again."""
    code = secrets.token_urlsafe(CODE_BYTES)
    invitation = Invitation(code_hash=_hash(code), note=note, uses=uses, expires_at=expires_at, created_by=created_by)
    invitation.save(force_insert=True)
    return invitation, code


def revoke(*, invitations: QuerySet[Invitation]) -> int:
    """Nobody registers with these any more; returns how many were not revoked yet."""
    return invitations.filter(revoked_at=None).update(revoked_at=timezone.now())


def _use(code: str) -> None:
    """Counts one use. Of two who want the last one, the second waits for the first one's commit and finds it gone."""
    if not _good(code).update(used=F("used") + 1):
        raise InvalidInvitation


def _good(code: str) -> QuerySet[Invitation]:
    invitations = Invitation.objects.filter(code_hash=_hash(code), revoked_at=None, used__lt=F("uses"))
    return invitations.filter(expires_at__gt=timezone.now())


def _hash(code: str) -> str:
    return hashlib.sha256(code.strip().encode(errors="replace")).hexdigest()
