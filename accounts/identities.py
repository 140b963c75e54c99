"""Signing in by another system's token: whose account it is, and its groups. Plain sync functions, keyword arguments.

An account belongs to a token by issuer and subject alone. Names and addresses of e-mail never find one: whoever could
choose them at the issuer could take over an account.
"""

import secrets
import unicodedata
from contextlib import suppress

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import issuers, services
from accounts.issuers import Person
from accounts.models import KEYS, ExternalIdentity, User, alike, validate_username
from accounts.services import SignedIn
from rooms import names
from rooms.errors import Banned, Forbidden, Unavailable

BASE_CHARS = 100  # of a new username, which leaves room for a number
TRIES = 5  # somebody else may take the name, or the same token may come twice at once


def exchange(*, token: str, address: str = "", user_agent: str = "") -> SignedIn:
    """Tokens for whom a trusted issuer's token names.

    Raises what `issuers.read` raises; Forbidden for somebody unknown where accounts are not made, Banned for a
    deactivated user.
    """
    person = issuers.read(token)
    user = _account(person)
    if not user.is_active:
        raise Banned("This account is deactivated")
    _set_groups(user, person)
    return services.open_sign_in(user=user, address=address, user_agent=user_agent)


def link(*, user: User, issuer: str, subject: str) -> ExternalIdentity:
    """Lets tokens of this issuer about this subject sign this user in; raises IntegrityError when they do another."""
    identity = ExternalIdentity(user=user, issuer=issuer, subject=subject)
    identity.save(force_insert=True)
    return identity


def _account(person: Person) -> User:
    known = ExternalIdentity.objects.select_related("user")
    for _ in range(TRIES):
        identity = known.filter(issuer=person.issuer.issuer, subject=person.subject).first()
        if identity:
            return identity.user
        if not person.issuer.create:
            raise Forbidden("Nobody here has this identity")
        with suppress(IntegrityError), transaction.atomic():
            return _create(person)
    raise Unavailable


def _create(person: Person) -> User:
    """A new account, without a password; raises IntegrityError when its name or the identity has just been taken."""
    user = User(username=_free_name(person.username), email=_email(person.email))
    user.set_unusable_password()
    user.save(force_insert=True)
    link(user=user, issuer=person.issuer.issuer, subject=person.subject)
    return user


def _free_name(wanted: str) -> str:
    """The wanted name, else with a number: `alice-2`. A name that somebody has stays theirs."""
    base = _spelled(wanted)
    variants = [base, *(f"{base}-{number}" for number in range(2, 10)), f"{base}-{secrets.token_hex(4)}"]
    taken = {key for keys in User.objects.filter(alike(variants)).values_list(*KEYS) for key in keys}
    return next(name for name in variants if taken.isdisjoint((names.key(name), names.shape(name))))


def _spelled(wanted: str) -> str:
    """A valid username, as near as possible; of an address what stands before the @, since others see it."""
    text = names.normalized(wanted.partition("@")[0])[:BASE_CHARS]
    name = "".join(char if char in ".+-_" or unicodedata.category(char)[0] in "LMN" else "-" for char in text)
    name = name.strip("-.")
    try:
        validate_username(f"{name}-{'0' * 8}")
        validate_username(name)
    except ValidationError:
        return "user"
    return name


def _email(text: str) -> str:
    """The address, when it is one."""
    try:
        return str(User._meta.get_field("email").clean(text, None))  # noqa: SLF001 - Django documents _meta as public
    except ValidationError:
        return ""


def _set_groups(user: User, person: Person) -> None:
    """Gives and takes the groups that the setting maps, as the token has them today; others stay. None is made."""
    mapped = set(person.issuer.groups.values())
    if not mapped:
        return
    held = set(user.groups.filter(name__in=mapped))
    granted = set(Group.objects.filter(name__in=person.groups))
    if held != granted:
        user.groups.remove(*held - granted)
        user.groups.add(*granted - held)
