"""Handing over and erasing what the site holds about one user: the account here, the rest by `rooms.services.people`.

Plain sync functions, keyword arguments.
"""

import msgspec
from django.db import transaction
from django.db.models import Q

from accounts.models import User
from rooms.errors import Conflict
from rooms.protocol.rules import timestamp
from rooms.services import people
from rooms.services.people import Held


class OwnAccount(msgspec.Struct, rename="camel"):
    id: str
    username: str
    email: str
    first_name: str
    last_name: str
    joined_at: str
    last_sign_in_at: str | None


class OwnSignIn(msgspec.Struct, rename="camel"):
    browser: bool
    address: str | None
    user_agent: str
    created_at: str
    used_at: str
    expires_at: str
    ended_at: str | None


class OwnIdentity(msgspec.Struct, rename="camel"):
    issuer: str
    subject: str
    created_at: str


class Export(msgspec.Struct, rename="camel"):
    """All that the site holds about a user. Of messages only what they wrote themselves, in every room."""

    account: OwnAccount
    sign_ins: list[OwnSignIn]
    identities: list[OwnIdentity]
    chat: Held


def export(*, user: User) -> Export:
    sign_ins = [
        OwnSignIn(
            sign_in.is_browser,
            sign_in.address,
            sign_in.user_agent,
            timestamp(sign_in.created_at),
            timestamp(sign_in.used_at),
            timestamp(sign_in.expires_at),
            timestamp(sign_in.revoked_at) if sign_in.revoked_at else None,
        )
        for sign_in in user.sign_ins.order_by("created_at")
    ]
    identities = [
        OwnIdentity(identity.issuer, identity.subject, timestamp(identity.created_at))
        for identity in user.identities.order_by("pk")
    ]
    return Export(_account(user), sign_ins, identities, people.export(user_id=user.pk))


def _account(user: User) -> OwnAccount:
    return OwnAccount(
        str(user.pk),
        user.username,
        user.email,
        user.first_name,
        user.last_name,
        timestamp(user.date_joined),
        timestamp(user.last_login) if user.last_login else None,
    )


def erase(*, user: User) -> None:
    """Deletes an account for good; raises Conflict for the last superuser.

    The messages are erased in steps before; what is interrupted there can be repeated.
    """
    with transaction.atomic():
        _locked(user)
    for _ in people.erase_messages(user_id=user.pk):
        pass
    with transaction.atomic():
        _locked(user).delete()


def _locked(user: User) -> User:
    """Two superusers who go in the same moment wait for each other here."""
    rows = User.objects.select_for_update().filter(Q(pk=user.pk) | Q(is_superuser=True, is_active=True))
    locked = list(rows.order_by("pk"))
    if user.is_superuser and all(each.pk == user.pk for each in locked):
        raise Conflict("The last superuser cannot be deleted: make somebody else one first")
    return next(each for each in locked if each.pk == user.pk)
