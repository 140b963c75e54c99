"""The page of one's own account: its password, its devices, its data, and its end. Only for a browser's session."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from accounts import devices, erasure, passwords, services
from accounts.models import User
from accounts.own_api import export_answer
from accounts.own_forms import ChangePasswordForm, EraseForm
from accounts.refusals import with_wait
from rooms.conf import conf
from rooms.errors import Conflict

PAGE = "chat_accounts:account"


@require_safe
@never_cache
@login_required
def account(request: HttpRequest) -> HttpResponse:
    return _page(request)


@require_POST
@never_cache
@sensitive_post_parameters()
@login_required
def change_password(request: HttpRequest) -> HttpResponse:
    """All other devices are signed out; this browser goes on."""
    if not _user(request).has_usable_password():
        raise Http404
    form = ChangePasswordForm(request, request.POST)
    if not form.is_valid():
        return _page(request, password_form=form)
    passwords.keep_signed_in(request, form.save())
    messages.success(request, _("Your password has been changed, and your other devices are signed out."))
    return redirect(PAGE)


@require_POST
@never_cache
@login_required
def end_device(request: HttpRequest, device_id: Any) -> HttpResponse:
    """One that has ended meanwhile is no error."""
    devices.end(user=_user(request), device_id=device_id)
    messages.success(request, _("The device is signed out."))
    return redirect(PAGE)


@require_POST
@never_cache
@login_required
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    services.sign_out_everywhere(user_ids=[_user(request).pk])
    logout(request)
    return redirect("chat_accounts:sign-in")


@require_safe
@never_cache
@login_required
def export(request: HttpRequest) -> HttpResponse:
    return export_answer(_user(request))


@require_POST
@never_cache
@sensitive_post_parameters()
@login_required
def erase(request: HttpRequest) -> HttpResponse:
    user = _user(request)
    form = EraseForm(request, request.POST)
    if not form.is_valid():
        return _page(request, erase_form=form)
    try:
        erasure.erase(user=user)
    except Conflict:
        form.add_error(None, _("You are the last superuser. Make somebody else one before you delete your account."))
        return _page(request, erase_form=form)
    logout(request)
    return render(request, "accounts/erased.html")


def _page(request: HttpRequest, **forms: ChangePasswordForm | EraseForm) -> HttpResponse:
    user = _user(request)
    fresh = {
        "password_form": ChangePasswordForm(request),
        "erase_form": EraseForm(request),
    }
    values = {
        "devices": [(device, devices.name(device.user_agent)) for device in devices.devices(user=user)],
        "this_device": devices.of_session(request.session),
        "has_password": user.has_usable_password(),
        "erases_messages": conf.CHAT_ERASED_MESSAGES == "delete",
    }
    page = render(request, "accounts/account.html", {**fresh, **values, **forms})
    refusal = next((form.refusal for form in forms.values() if form.refusal), None)
    return with_wait(page, refusal) if refusal else page


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
