"""Every use case of accounts: registering, signing in and out. Plain sync functions, keyword arguments.

Hashing a password takes 50-100 ms: never call `register`, `sign_in` or `set_password` on the event loop.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import authenticate
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import update_last_login
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_ipv46_address
from django.db import IntegrityError, transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from accounts import guesses, tokens
from accounts.models import SignIn, User
from rooms import names
from rooms.callers import check_ban, roles
from rooms.conf import conf
from rooms.errors import AuthRequired
from rooms.services.rights import announce, end_session

RETRY_GRACE = timedelta(seconds=10)  # a client whose answer got lost asks again within its usual time-out
ROWS_PER_INSERT = 1000


@dataclass(frozen=True, slots=True)
class SignedIn:
    access: str
    refresh: str
    user: User


def register(*, username: str, password: str, email: str = "") -> User:
    """Makes an account; raises Django's ValidationError, by field, for what will not do."""
    return store_user(new_user(username=username, password=password, email=email))


def new_user(*, username: str, password: str, email: str = "") -> User:
    """A user with this password, who is not stored yet; raises what `register` raises."""
    user = User(username=User.normalize_username(username), email=email)
    problems = _problems(user, password)
    if problems:
        raise ValidationError(problems)
    user.set_password(password)
    return user


def store_user(user: User) -> User:
    """Stores a new user; raises ValidationError when somebody has just taken the name."""
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:
        raise ValidationError({"username": user.unique_error_message(User, ("username",))}) from None
    return user


def sign_in(*, username: str, password: str, address: str = "", user_agent: str = "") -> SignedIn:
    """Tokens for a name and its password; raises what `authenticated` raises, and Banned."""
    user = authenticated(username=username, password=password, address=address, door="rest")
    return open_sign_in(user=user, address=address, user_agent=user_agent)


def authenticated(*, username: str, password: str, address: str, door: str, request: HttpRequest | None = None) -> User:
    """Whose name and password these are; raises AuthRequired when they are wrong, RateLimited after too many of those.

    An unknown name is answered as a wrong password is, and as late. `door` says in the log where it was tried.
    """
    with guesses.password(username=username, address=address, door=door):
        user = authenticate(request, username=username, password=password)
        if not isinstance(user, User):
            raise AuthRequired("Wrong username or password")
    return user


def open_sign_in(*, user: User, address: str = "", user_agent: str = "") -> SignedIn:
    """Tokens for somebody who has proved who they are; raises Banned."""
    check_ban(user.pk)
    now = timezone.now()
    user.sign_ins.filter(expires_at__lt=now).delete()
    device = {"address": address_of(address), "user_agent": shown_agent(user_agent)}
    record = user.sign_ins.create(expires_at=_end(now), stamp=user.stamp(), **device)
    update_last_login(User, user)
    return _tokens(user, record.pk, generation=0)


def refresh(*, token: str) -> SignedIn:
    """Exchanges a refresh token for new tokens; raises AuthRequired, AuthExpired, Banned.

    Each is good once. A second use means that two hold it, so both are signed out; but within RETRY_GRACE the token
    before the newest may be a client's second try, and gets what the first try got.
    """
    claims = tokens.read_refresh(token)
    user = User.objects.filter(pk=claims.user_id, is_active=True).first()
    if not user or user.stamp() != claims.stamp:
        raise AuthRequired("Token is no longer valid")
    check_ban(user.pk)
    now, generation = timezone.now(), claims.generation + 1
    record = SignIn.objects.filter(pk=claims.sign_in, user=user, revoked_at=None)
    exchanged = record.filter(generation=claims.generation).update(
        generation=generation, used_at=now, expires_at=_end(now)
    )
    if not exchanged and not record.filter(generation=generation, used_at__gt=now - RETRY_GRACE).exists():
        _revoke(claims.sign_in, user.pk)
        raise AuthRequired("Token is no longer valid")
    return _tokens(user, claims.sign_in, generation)


def sign_out(*, token: str) -> None:
    """Ends the sign-in of an access or a refresh token; a token that is no longer good has nothing to end."""
    claims = tokens.read_any(token)
    if claims and claims.sign_in:
        _revoke(claims.sign_in, claims.user_id)


def sign_out_everywhere(*, user_ids: Collection[int]) -> None:
    """Ends every token, session and open socket of these users."""
    with transaction.atomic():
        User.objects.filter(pk__in=user_ids).update(token_epoch=F("token_epoch") + 1)
        SignIn.objects.filter(user_id__in=user_ids, revoked_at=None).update(revoked_at=timezone.now())
        announce(user_ids)


def set_password(*, user: User, password: str) -> None:
    """Ends every token, session and open socket of this user too."""
    user.set_password(password)
    user.save(update_fields=["password"])


def deactivate(*, user_ids: Collection[int]) -> None:
    """Locks these users out, of their open sockets too."""
    with transaction.atomic():
        User.objects.filter(pk__in=user_ids).update(is_active=False)
        announce(user_ids)


def revoke(*, sign_ins: Collection[SignIn]) -> None:
    """Ends these devices' sign-ins, sessions and open sockets."""
    open_ones = SignIn.objects.filter(pk__in=[sign_in.pk for sign_in in sign_ins], revoked_at=None)
    with transaction.atomic():
        open_ones.update(revoked_at=timezone.now())
        for sign_in in sign_ins:
            if sign_in.is_browser:
                end_session(session_id=sign_in.pk, until=sign_in.expires_at)
        announce(sign_in.user_id for sign_in in sign_ins)


def load_test_users(*, count: int, prefix: str = "load") -> list[User]:
    """The users `<prefix>-1` to `<prefix>-<count>`; the missing ones are made, without a password."""
    wanted = {names.key(name): name for number in range(1, count + 1) if (name := f"{prefix}-{number}")}
    known = User.objects.in_bulk(wanted, field_name="username_key")
    missing = [User(username=name, password=make_password(None)) for key, name in wanted.items() if key not in known]
    User.objects.bulk_create(missing, batch_size=ROWS_PER_INSERT, ignore_conflicts=True)
    known |= User.objects.in_bulk([user.username_key for user in missing], field_name="username_key")
    return [known[key] for key in wanted]


def _problems(user: User, password: str) -> dict[str, list[ValidationError]]:
    """What is wrong with a new account, by field."""
    problems: dict[str, list[ValidationError]] = {}
    try:
        user.full_clean(exclude={"password"})
    except ValidationError as error:
        problems |= error.error_dict
    try:
        validate_password(password, user)
    except ValidationError as error:
        problems["password"] = error.error_list
    return problems


def _tokens(user: User, sign_in_id: uuid.UUID, generation: int) -> SignedIn:
    stamp = user.stamp()
    return SignedIn(
        tokens.issue_access(
            user_id=user.pk, username=user.username, roles=roles(user), stamp=stamp, sign_in=sign_in_id
        ),
        tokens.issue_refresh(user_id=user.pk, stamp=stamp, sign_in=sign_in_id, generation=generation),
        user,
    )


def _revoke(sign_in_id: uuid.UUID, user_id: int) -> None:
    if SignIn.objects.filter(pk=sign_in_id, user_id=user_id, revoked_at=None).update(revoked_at=timezone.now()):
        announce([user_id])


def address_of(text: str) -> str | None:
    """The address without its zone; None for what is none, as behind a Unix socket."""
    address = text.partition("%")[0]
    try:
        validate_ipv46_address(address)
    except ValidationError:
        return None
    return address


def shown_agent(text: str) -> str:
    """What a program says it is, as it can be stored."""
    return text.replace("\0", "")[:200]


def _end(now: datetime) -> datetime:
    return now + timedelta(days=conf.CHAT_REFRESH_DAYS)
