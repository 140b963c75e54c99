"""The pages for signing in, out, and registering. A browser keeps Django's session cookie; tokens are unknown here."""

from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.views import LoginView, LogoutView, RedirectURLMixin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView

from accounts import services
from accounts.forms import RegisterForm

BACKEND = "django.contrib.auth.backends.ModelBackend"


class SignInView(LoginView):
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "label_suffix": ""}


class SignOutView(LogoutView):
    """Only by POST: a link or an image on another page must not sign anybody out."""


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
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
            user = services.register(username=form.cleaned_data["username"], password=form.cleaned_data["password1"])
        except ValidationError as error:  # the name, which was free when the form looked
            form.add_error("username", error.messages)
            return self.form_invalid(form)
        login(self.request, user, backend=BACKEND)
        return HttpResponseRedirect(self.get_success_url())
