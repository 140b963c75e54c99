"""Who is calling: from a session or a token to the user as the database knows them now.

All that the chat asks of a project's users: Django's sessions and permissions, and one function for tokens.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from time import time
from typing import Any, Optional

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model, load_backend
from django.contrib.sessions.backends.base import SessionBase
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from rooms import bot_tokens, people, storage
from rooms.conf import conf
from rooms.errors import AuthRequired, Banned, Disconnected
from rooms.models import EndedSession
from rooms.scopes import Scope

SESSION_ID = "chat_session_id"  # in every signed-in session: names it whatever its key, which some engines change
# Keys of every engine that Django has. Those of signed cookies are the session itself, as long as a cookie can be.
SESSION_COOKIE = re.compile(r"[\w:.=-]{8,4096}", re.ASCII)
SESSION_RECHECK_S = 300.0  # how long a session may have ended unseen, of engines that do not say when it ends
MODERATE, ADMINISTER = "chat_rooms.moderate", "chat_rooms.administer"
MONITOR, SEE_PRIVATE = "chat_rooms.monitor", "chat_rooms.see_private"


@dataclass(frozen=True, slots=True)
class Caller:
    """What CHAT_TOKEN_READER answers: a user, and when the token ends, in unix seconds; None: it has no end.

    `scope` is which rooms the token opens; only tokens of bots have one.
    """

    user: Any
    expires_at: float | None = None
    scope: Scope | None = None

    @property
    def is_bot(self) -> bool:
        return self.scope is not None

    @property
    def may_mention(self) -> bool:
        return self.scope is not None and self.scope.may_mention


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something, what they are in the whole chat, and by which door: services ask it, the audit log keeps it.

    `door` is one of AuditEntry.Door; without a user it is the project's code or the chat itself.
    """

    user_id: Any
    roles: tuple[str, ...] = ()
    door: str = "code"
    username: str = ""


CODE = Actor(None)  # the project's own code


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller: who they are, what they may be, and how to read the proof they came with again."""

    user_id: Any  # the key, as the database has it
    username: str  # as others see it
    roles: tuple[str, ...]
    expires_at: float | None = None  # unix seconds; of a session, when it has to be read again
    avatar: str | None = None  # the address of a picture
    disconnects: int = 0  # how often all connections of this user had been ended when the proof was read first
    scope: Scope | None = None  # which rooms the proof opens; only tokens of bots have one
    read: Callable[[str], Optional["Identity"]] | None = field(default=None, repr=False, compare=False)
    proof: str = field(default="", repr=False, compare=False)

    @property
    def key(self) -> str:
        """The user's key as frames and processes write it."""
        return str(self.user_id)

    @property
    def is_bot(self) -> bool:
        return self.scope is not None

    @property
    def may_mention(self) -> bool:
        return self.scope is not None and self.scope.may_mention

    def acts(self, door: str) -> Actor:
        return Actor(self.user_id, self.roles, door, self.username)


def actor(user: Any, door: str) -> Actor:
    """A user of the project who acts by this door."""
    return Actor(user.pk, roles(user), door, people.shown(user).name)


def roles(user: Any) -> tuple[str, ...]:
    """`user` always; `moderator` and `admin` by the permissions of the chat, of which a superuser has all."""
    may = getattr(user, "has_perm", lambda _: False)
    admin = may(ADMINISTER)
    moderator = admin or may(MODERATE)
    return ("user", *(("moderator",) if moderator else ()), *(("admin",) if admin else ()))


def sees_private(user: Any) -> bool:
    """Whether staff are shown rooms that are not public: in the admin and on the monitoring page."""
    return bool(user.has_perm(SEE_PRIVATE))


def read_token(token: str) -> Caller:
    """Whose token this is; raises AuthRequired, AuthExpired, Banned."""
    caller = _read(token)
    check_ban(caller.user.pk)
    return caller


def _read(token: str) -> Caller:
    if bot_tokens.is_one(token):
        found = bot_tokens.read(token)
        caller = Caller(found.bot.user, found.expires_at, found.scope)
    elif conf.CHAT_TOKEN_READER is None:
        raise AuthRequired("Tokens are not accepted here")
    else:
        caller = conf.CHAT_TOKEN_READER(token)
    if not caller.user.is_active:
        raise AuthRequired("This account is deactivated")
    return caller


def check_ban(user_id: Any) -> int:
    """Raises Banned for somebody who is banned from the chat; else how often all their connections were ended."""
    state = storage.sign_in_state(user_id=user_id)
    if state.banned_until is not None and state.banned_until > timezone.now():
        raise Banned(f"You are banned from the chat{': ' if state.ban_reason else ''}{state.ban_reason}")
    return state.disconnects


def by_token(token: str) -> Identity:
    """The caller with this token; raises AuthRequired, AuthExpired, Banned. Roles are today's, not the token's."""
    caller = _read(token)
    return _identity(caller.user, by_token, token, caller.expires_at, caller.scope)


def by_session(session_key: str) -> Identity | None:
    """The caller with this session cookie, or None when it is nobody's; raises Banned.

    Reads every session engine of Django.
    """
    session = _session(session_key)
    user = _user_of(session)
    return _identity(user, by_session, session_key, _end_of(session)) if user is not None else None


def refreshed(identity: Identity) -> Identity:
    """The same caller as the database knows them now.

    Raises Banned when the user was deactivated or banned, AuthRequired when they signed out here or everywhere, changed
    their password, or are no more, Disconnected when all their connections were ended since.
    """
    today = None
    try:
        today = identity.read(identity.proof) if identity.read else None
    except AuthRequired:
        if _is_deactivated(identity.user_id):
            raise Banned("This account is deactivated") from None
        raise
    if today is None or today.user_id != identity.user_id:
        raise Banned("This account is deactivated") if _is_deactivated(identity.user_id) else AuthRequired("Signed out")
    if today.disconnects != identity.disconnects:
        raise Disconnected
    return today


def _identity(
    user: Any,
    read: Callable[[str], Identity | None],
    proof: str,
    expires_at: float | None = None,
    scope: Scope | None = None,
) -> Identity:
    shown, disconnects = people.shown(user), check_ban(user.pk)
    return Identity(user.pk, shown.name, roles(user), expires_at, shown.avatar, disconnects, scope, read, proof)


def _is_deactivated(user_id: Any) -> bool:
    user = get_user_model()._base_manager.filter(pk=user_id).first()  # noqa: SLF001 - Django's own, of all users
    return user is not None and not user.is_active


# --- Sessions ---------------------------------------------------------------------------------------------------------
def _session(key: str) -> SessionBase:
    """The session of this cookie, read when somebody looks into it; an empty one for what is no key of any engine."""
    engine = import_module(settings.SESSION_ENGINE)
    session: SessionBase = engine.SessionStore(key if SESSION_COOKIE.fullmatch(key) else None)
    return session


def _user_of(session: SessionBase) -> Any:
    """Whose session this is, by the backend that signed them in; None: nobody's, or not any more."""
    path, session_id = session.get(BACKEND_SESSION_KEY), session.get(SESSION_ID)
    if path is None or path not in settings.AUTHENTICATION_BACKENDS:
        return None
    try:
        user_id = get_user_model()._meta.pk.to_python(session.get(SESSION_KEY))  # noqa: SLF001 - Django documents _meta as public
    except ValidationError:
        return None
    user: Any = load_backend(path).get_user(user_id)
    if user is None or not user.is_active or not _has_hash(user, session.get(HASH_SESSION_KEY, "")):
        return None
    return None if session_id and EndedSession.objects.filter(pk=session_id).exists() else user


def _end_of(session: SessionBase) -> float:
    """When a session ends, or has to be read again because its engine does not say; every use may put off its end."""
    latest = time() + SESSION_RECHECK_S
    if not hasattr(session, "model"):  # a cache, files, signed cookies
        return latest
    stored = session.model.objects.filter(session_key=session.session_key).values_list("expire_date", flat=True).first()
    return stored.timestamp() if stored is not None else latest


def _has_hash(user: Any, text: str) -> bool:
    """Whether the session began after the last change of the password; also by a SECRET_KEY that is being replaced."""
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(text, each) for each in hashes)
