"""Signing in over HTTP: passwords and foreign tokens for tokens, tokens for new ones, and who the caller is.

The views are sync on purpose: Django runs them in threads, where hashing a password stops nobody.
"""

from typing import Annotated, cast

import msgspec
from django.contrib.auth import logout
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import identities, registration, services
from accounts.guesses import registration as count_registration
from accounts.models import User
from accounts.services import SignedIn
from rooms import guesses, rest
from rooms.api.base import View
from rooms.authentication import bearer
from rooms.callers import roles
from rooms.openapi import responses

Username = Annotated[str, msgspec.Meta(min_length=1, max_length=150, pattern=r"^[^\x00]*$")]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=1024, pattern=r"^[^\x00]*$")]


class Credentials(msgspec.Struct):
    username: Username
    password: Password


class NewAccount(Credentials):
    """`email` is for a new password when this one is forgotten; other users do not see it. `invitation` is the code
    of one, where registering needs it."""

    email: Annotated[str, msgspec.Meta(max_length=254, pattern=r"^[^\x00]*$")] = ""
    invitation: Annotated[str, msgspec.Meta(max_length=100, pattern=r"^[^\x00]*$")] = ""


class RefreshToken(msgspec.Struct):
    refresh: str


class ForeignToken(msgspec.Struct):
    """A JWT of another system that CHAT_ISSUERS names."""

    token: str


class SignOut(msgspec.Struct):
    """Which sign-in ends: that of this refresh token, else of the Bearer token, else the browser's session."""

    refresh: str | None = None


class Me(msgspec.Struct):
    id: str
    username: str
    roles: list[str]


class Tokens(msgspec.Struct):
    """`token` signs requests and sockets in; `refresh` is valid once, for new tokens."""

    token: str
    refresh: str
    user: Me


class AccountView(View):
    """For people: a bot's token is not for accounts, and neither shows nor changes the one it belongs to."""

    takes_bots = False


class OpenView(View):
    """For those who have not signed in yet: an old token in a header neither helps nor harms."""

    authentication_classes: tuple[type[BaseAuthentication], ...] = ()
    permission_classes = (AllowAny,)


class AuthView(OpenView):
    @extend_schema(request=Credentials, responses=responses({200: Tokens}, 400, 401), tags=["accounts"])
    def post(self, request: Request) -> Response:
        """Signs in."""
        credentials = rest.body(request.data, Credentials)
        return tokens_answer(
            services.sign_in(username=credentials.username, password=credentials.password, **device_of(request))
        )


class RegisterView(OpenView):
    @extend_schema(request=NewAccount, responses=responses({201: Tokens}, 400, 403, 404), tags=["accounts"])
    def post(self, request: Request) -> Response:
        """Makes an account and signs it in."""
        account = rest.body(request.data, NewAccount)
        count_registration(address=address_of(request))
        user = registration.register(
            username=account.username, password=account.password, email=account.email, invitation=account.invitation
        )
        return tokens_answer(services.open_sign_in(user=user, **device_of(request)), status=201)


class RefreshView(OpenView):
    @extend_schema(request=RefreshToken, responses=responses({200: Tokens}, 400, 401), tags=["accounts"])
    def post(self, request: Request) -> Response:
        """Exchanges a refresh token for new tokens. A second use signs this device out."""
        token = rest.body(request.data, RefreshToken).refresh
        with guesses.token(address=address_of(request), door="rest"):
            return tokens_answer(services.refresh(token=token))


class ExchangeView(OpenView):
    @extend_schema(request=ForeignToken, responses=responses({200: Tokens}, 400, 401, 403, 413), tags=["accounts"])
    def post(self, request: Request) -> Response:
        """Signs in whom a trusted issuer's token names."""
        foreign = rest.body(request.data, ForeignToken)
        with guesses.token(address=address_of(request), door="rest"):
            return tokens_answer(identities.exchange(token=foreign.token, **device_of(request)))


class LogoutView(OpenView):
    authentication_classes = (SessionAuthentication,)

    def perform_authentication(self, request: Request) -> None:
        """Not before it is needed: a session has to show its CSRF token, a token has not."""

    def check_throttles(self, request: Request) -> None:
        """Whoever wants to be signed out is."""

    @extend_schema(request=SignOut, responses=responses({204: None}, 400, 403), tags=["accounts"])
    def post(self, request: Request) -> Response:
        """Signs out. A token that is no longer valid is no error."""
        token = rest.body(request.data, SignOut).refresh or bearer(request)
        if token:
            services.sign_out(token=token)
        elif getattr(request.user, "is_authenticated", False):  # a project may have nobody there
            logout(request)
        return Response(status=204)


class MeView(AccountView):
    @extend_schema(responses=responses({200: Me}, 401), tags=["accounts"])
    def get(self, request: Request) -> Response:
        """Who the caller is."""
        return Response(msgspec.to_builtins(_me(cast(User, request.user))))


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return str(request.META.get("REMOTE_ADDR", ""))


def device_of(request: Request) -> dict[str, str]:
    """What is noted of the device that a request comes from."""
    return {"address": address_of(request), "user_agent": request.headers.get("User-Agent", "")}


def _me(user: User) -> Me:
    return Me(str(user.pk), user.username, list(roles(user)))


def tokens_answer(signed_in: SignedIn, status: int = 200) -> Response:
    """The tokens of somebody who has just signed in."""
    answer = Tokens(signed_in.access, signed_in.refresh, _me(signed_in.user))
    return Response(msgspec.to_builtins(answer), status=status)
