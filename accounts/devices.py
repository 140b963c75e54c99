"""One's devices: browsers and programs that are signed in, which of them is this one, and how each is ended.

A browser's record has the id that is in its session (SESSION_ID), so it means the same session with every session
engine; `accounts.middleware` lets none in that was ended. Plain sync functions, keyword arguments.
"""

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from accounts import services
from accounts.models import SignIn, User
from rooms.callers import SESSION_ID
from rooms.models import EndedSession

# What browsers say they are, by the first sign that fits: most say that they are others too.
BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "FxiOS/": "Firefox", "CriOS/": "Chrome"}
BROWSERS |= {"Chrome/": "Chrome", "Safari/": "Safari"}
SYSTEMS = {"Windows": "Windows", "Android": "Android", "iPhone": "iOS", "iPad": "iOS", "Mac OS X": "macOS"}
SYSTEMS |= {"CrOS": "ChromeOS", "Linux": "Linux"}
NOTED_AFTER = timedelta(minutes=5)  # between two notes that a browser was used, each of which is a write


def open_browser(*, user: User, session: SessionBase, address: str = "", user_agent: str = "") -> None:
    """Notes that somebody has just signed in by this browser."""
    now = timezone.now()
    user.sign_ins.filter(expires_at__lt=now).delete()
    session_id = session.setdefault(SESSION_ID, uuid.uuid4().hex)
    values = {"user": user, "is_browser": True, "revoked_at": None, **_used(user)}
    values |= {"address": services.address_of(address), "user_agent": services.shown_agent(user_agent)}
    SignIn.objects.update_or_create(pk=uuid.UUID(session_id), defaults=values)


def goes_on(*, user: User, session: SessionBase) -> bool:
    """Whether this user's session has not been ended from another device. Notes now and then that it was used."""
    key = of_session(session)
    if key is None:
        return True
    record = SignIn.objects.filter(pk=key, user=user).only("revoked_at", "used_at").first()
    if record is None:
        return not EndedSession.objects.filter(pk=key).exists()
    if record.revoked_at is None and timezone.now() - record.used_at > NOTED_AFTER:
        keep_browser(user=user, session=session)
    return record.revoked_at is None


def keep_browser(*, user: User, session: SessionBase) -> None:
    """Notes that this browser was used just now, and is signed in by its user's present password."""
    _open_record(session).update(**_used(user))


def close_browser(*, session: SessionBase) -> None:
    """Notes that somebody has signed out in this browser."""
    _open_record(session).update(revoked_at=timezone.now())


def of_session(session: Any) -> uuid.UUID | None:
    """The id of a browser's record."""
    text = session.get(SESSION_ID)
    return uuid.UUID(text) if text else None


def devices(*, user: User) -> QuerySet[SignIn]:
    """What this user is signed in on: with the present password, not ended and not expired; the last used first."""
    return user.sign_ins.filter(revoked_at=None, expires_at__gt=timezone.now(), stamp=user.stamp()).order_by("-used_at")


def end(*, user: User, device_id: uuid.UUID) -> bool:
    """Signs one of this user's devices out; False when they have no such device."""
    found = list(devices(user=user).filter(pk=device_id))
    services.revoke(sign_ins=found)
    return bool(found)


def name(user_agent: str) -> str:
    """What people call this browser or program; what it says of itself where it is none that is known."""
    browser, system = (_first(user_agent, known) for known in (BROWSERS, SYSTEMS))
    if browser and system:
        return gettext("{browser} on {system}").format(browser=browser, system=system)
    return browser or user_agent or gettext("Unknown device")


def _first(user_agent: str, known: dict[str, str]) -> str:
    return next((shown for sign, shown in known.items() if sign in user_agent), "")


def _open_record(session: Any) -> QuerySet[SignIn]:
    key = of_session(session)
    return SignIn.objects.filter(pk=key, revoked_at=None) if key else SignIn.objects.none()


def _used(user: User) -> dict[str, Any]:
    """A session that is saved between two notes ends that much later."""
    now = timezone.now()
    lifetime = timedelta(seconds=settings.SESSION_COOKIE_AGE) + NOTED_AFTER
    return {"used_at": now, "expires_at": now + lifetime, "stamp": user.stamp()}
