"""One's own account over REST: its password, its devices, its data, and its end.

A caller with a token is the device of that token, one with a session the browser of that session.
"""

import uuid
from typing import cast

import msgspec
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import devices, erasure, passwords, services, tokens
from accounts.api import AccountView, Password, Tokens, address_of, device_of, tokens_answer
from accounts.erasure import Export
from accounts.models import SignIn, User
from rooms import rest
from rooms.authentication import bearer
from rooms.openapi import responses
from rooms.protocol.rules import timestamp


class NewPassword(msgspec.Struct, rename="camel"):
    password: Password
    new_password: Password


class Confirmation(msgspec.Struct):
    """The account's password; of somebody who signs in by another system, and has none here, the username."""

    password: Password


class Device(msgspec.Struct, rename="camel"):
    """`browser`: a session of a browser, not a program with tokens. `current`: the one this request comes from."""

    id: str
    browser: bool
    address: str | None
    user_agent: str
    created_at: str
    used_at: str
    current: bool


class Devices(msgspec.Struct):
    """The last used first."""

    devices: list[Device]


class PasswordView(AccountView):
    @extend_schema(request=NewPassword, responses=responses({200: Tokens, 204: None}, 400, 401, 403), tags=["accounts"])
    def post(self, request: Request) -> Response:
        """Changes the password and signs all devices out but this one: it gets new tokens, or its session stays."""
        user, new = _user(request), rest.body(request.data, NewPassword)
        passwords.change(user=user, old=new.password, new=new.new_password, address=address_of(request))
        if bearer(request):
            return tokens_answer(services.open_sign_in(user=user, **device_of(request)))
        passwords.keep_signed_in(cast(HttpRequest, request), user)
        return Response(status=204)


class DevicesView(AccountView):
    @extend_schema(operation_id="devices_list", responses=responses({200: Devices}, 401), tags=["accounts"])
    def get(self, request: Request) -> Response:
        """What the caller is signed in on."""
        this = _this(request)
        return rest.answer(Devices([_shown(device, this) for device in devices.devices(user=_user(request))]))

    @extend_schema(operation_id="devices_destroy", responses=responses({204: None}, 401, 403), tags=["accounts"])
    def delete(self, request: Request) -> Response:
        """Signs the caller out everywhere, here too."""
        services.sign_out_everywhere(user_ids=[_user(request).pk])
        return Response(status=204)


class DeviceView(AccountView):
    @extend_schema(responses=responses({204: None}, 401, 403, 404), tags=["accounts"])
    def delete(self, request: Request, device_id: str) -> Response:
        """Signs one device out: its tokens or its session, and its open sockets."""
        if not devices.end(user=_user(request), device_id=uuid.UUID(device_id)):
            raise Http404
        return Response(status=204)


class ExportView(AccountView):
    @extend_schema(responses=responses({200: Export}, 401), tags=["accounts"])
    def get(self, request: Request) -> HttpResponse:
        """All that the site holds about the caller, as a file."""
        return export_answer(_user(request))


class EraseView(AccountView):
    @extend_schema(request=Confirmation, responses=responses({204: None}, 400, 401, 403, 409), tags=["accounts"])
    def post(self, request: Request) -> Response:
        """Deletes the caller's account for good. The last superuser is refused with `conflict`."""
        user, password = _user(request), rest.body(request.data, Confirmation).password
        passwords.confirm(user=user, password=password, address=address_of(request), door="rest")
        erasure.erase(user=user)
        if not bearer(request):
            logout(cast(HttpRequest, request))
        return Response(status=204)


def export_answer(user: User) -> HttpResponse:
    """A file of JSON that no cache keeps."""
    headers = {
        "Content-Disposition": f'attachment; filename="chat-{user.pk}.json"',
        "Cache-Control": "no-store",
    }
    body = msgspec.json.format(msgspec.json.encode(erasure.export(user=user)))
    return HttpResponse(body, content_type="application/json", headers=headers)


def _user(request: Request) -> User:
    return cast(User, request.user)


def _this(request: Request) -> uuid.UUID | None:
    token = bearer(request)
    return tokens.read_access(token).sign_in if token else devices.of_session(request.session)


def _shown(device: SignIn, this: uuid.UUID | None) -> Device:
    return Device(
        id=str(device.pk),
        browser=device.is_browser,
        address=device.address,
        user_agent=device.user_agent,
        created_at=timestamp(device.created_at),
        used_at=timestamp(device.used_at),
        current=device.pk == this,
    )
