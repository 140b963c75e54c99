"""Invitations to register: made, shown once, and revoked. What is stored is no code."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import registration
from accounts.models import Invitation, User
from rooms.admin.list_filters import IsSetFilter

VALID = timedelta(days=7)  # unless somebody says otherwise


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    fields = ("note", "uses", "expires_at")
    list_display = ("__str__", "used", "uses", "expires_at", "revoked_at", "created_by")
    list_filter = (("revoked_at", IsSetFilter),)
    list_select_related = ("created_by",)
    search_fields = ("note",)
    ordering = ("-pk",)
    actions = ("revoke",)
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat_accounts.change_invitation")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"uses": 1, "expires_at": timezone.now() + VALID, **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: Any, form: "ModelForm[Invitation]", change: bool) -> None:
        """The code stays on this request's object alone, for the answer to it."""
        user: Any = request.user
        made, obj.code = registration.invite(
            created_by=User.objects.get(pk=user.pk), uses=obj.uses, expires_at=obj.expires_at, note=obj.note
        )
        obj.pk, obj.created_at = made.pk, made.created_at

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The only page that ever shows the code."""
        path = f"{reverse('chat_accounts:register')}?{urlencode({'invitation': obj.code})}"
        context = self.admin_site.each_context(request) | {
            "title": _("A new invitation"),
            "opts": self.opts,
            "code": obj.code,
            "link": request.build_absolute_uri(path),
            "list_url": reverse("admin:chat_accounts_invitation_changelist"),
        }
        response = TemplateResponse(request, "accounts/admin/invitation.html", context)
        add_never_cache_headers(response)
        return response

    @admin.action(description=gettext_lazy("Revoke selected invitations"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        open_ones = list(queryset.filter(revoked_at=None))
        registration.revoke(invitations=queryset)
        for invitation in open_ones:
            self.log_change(request, invitation, _("Revoked."))
        done = ngettext("%(count)d invitation was revoked.", "%(count)d invitations were revoked.", len(open_ones))
        level = messages.SUCCESS if open_ones else messages.WARNING
        self.message_user(request, done % {"count": len(open_ones)}, level)
