"""Sessions of browsers: their cookies, as a handshake has them."""

from django.conf import settings
from django.test import Client

from accounts.models import User


def cookie_of(client: Client) -> str:
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


def session_of(user: User) -> str:
    """The cookie of a browser in which this user has just signed in."""
    client = Client()
    client.force_login(user)
    return cookie_of(client)
