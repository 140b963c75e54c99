"""Whose session this is: Django's own middleware, and nobody's when the session was ended from another device.

Not every session engine can remove a session: a signed cookie is valid until it expires.
"""

from typing import cast

from asgiref.sync import sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware, get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts import devices
from accounts.models import User


class SessionMiddleware(AuthenticationMiddleware):
    """Reads the session when somebody asks for the user, as Django's does."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = cast(User, SimpleLazyObject(lambda: _user(request)))
        request.auser = sync_to_async(lambda: _user(request))


def _user(request: HttpRequest) -> User | AnonymousUser:
    user = get_user(request)
    if not isinstance(user, User) or devices.goes_on(user=user, session=request.session):
        return user
    request.session.flush()
    return AnonymousUser()
