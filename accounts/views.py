"""The pages for signing in, out, registering and forgotten passwords.

A browser keeps Django's session cookie; tokens are unknown here.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm
from django.contrib.auth.views import (
    LoginView,
    LogoutView,
    PasswordResetCompleteView,
    PasswordResetConfirmView,
    PasswordResetDoneView,
    PasswordResetView,
    RedirectURLMixin,
)
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from accounts import guesses, services
from accounts.forms import ForgottenForm, NewPasswordForm, RegisterForm
from accounts.refusals import sentence, with_wait
from accounts.sign_in_forms import SignInForm
from rooms.errors import RateLimited

BACKEND = "django.contrib.auth.backends.ModelBackend"


def sends_mails() -> bool:
    return settings.EMAIL_BACKEND != "django.core.mail.backends.dummy.EmailBackend"


class SignInView(LoginView):
    template_name = "accounts/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        refusal = getattr(form, "refusal", None)
        return with_wait(response, refusal) if refusal else response

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "label_suffix": ""}

    def get_context_data(self, **values: Any) -> dict[str, Any]:
        return super().get_context_data(sends_mails=sends_mails(), **values)


class SignOutView(LogoutView):
    """Only by POST: a link or an image on another page must not sign anybody out."""


@method_decorator([login_not_required, never_cache, sensitive_post_parameters()], name="dispatch")
class RegisterView(RedirectURLMixin, FormView):  # type: ignore[type-arg]  # the class takes no argument when it runs
    """Makes an account and signs it in; goes on to `next` as the sign-in page does."""

    template_name = "accounts/register.html"
    form_class = RegisterForm
    next_page = settings.LOGIN_REDIRECT_URL

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.user.is_authenticated:
            return HttpResponseRedirect(self.get_success_url())
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "label_suffix": ""}

    def form_valid(self, form: RegisterForm) -> HttpResponse:
        try:
            guesses.registration(address=self.request.META.get("REMOTE_ADDR", ""))
            user = services.register(
                username=form.cleaned_data["username"],
                password=form.cleaned_data["password1"],
                email=form.cleaned_data["email"],
            )
        except ValidationError as error:  # the name, which was free when the form looked
            form.add_error("username", error.messages)
            return self.form_invalid(form)
        except RateLimited as error:
            form.add_error(None, sentence(error))
            return with_wait(self.form_invalid(form), error)
        login(self.request, user, backend=BACKEND)
        return HttpResponseRedirect(self.get_success_url())


class ForgottenView(PasswordResetView):
    """Asks for an address, and always answers that a mail is on its way; 404 where the site sends no mails."""

    template_name = "accounts/forgotten.html"
    subject_template_name = "accounts/forgotten_subject.txt"
    email_template_name = "accounts/forgotten_mail.txt"
    form_class = ForgottenForm
    success_url = reverse_lazy("chat_accounts:sent")

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if not sends_mails():
            raise Http404
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: PasswordResetForm) -> HttpResponse:
        try:
            guesses.mail(address=self.request.META.get("REMOTE_ADDR", ""))
        except RateLimited as error:
            form.add_error(None, sentence(error))
            return with_wait(self.form_invalid(form), error)
        return super().form_valid(form)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "label_suffix": ""}


class SentView(PasswordResetDoneView):
    template_name = "accounts/sent.html"


class NewPasswordView(PasswordResetConfirmView):
    """Asks for a new password, once; every device of the user is signed out."""

    template_name = "accounts/new_password.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("chat_accounts:changed")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "label_suffix": ""}


class ChangedView(PasswordResetCompleteView):
    template_name = "accounts/changed.html"
