"""Invitation links, to see and to revoke. Their codes are shown nowhere."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from rooms import callers
from rooms.admin.list_filters import IsSetFilter
from rooms.admin.visibility import visible
from rooms.models import Invitation
from rooms.services import invitations


@admin.register(Invitation)
class InvitationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    """Read only: members make them in the chat, and `revoke` calls the service, which notes it."""

    list_display = ("room", "created_by", "created_at", "expires_at", "uses", "max_uses", "revoked_at")
    list_filter = (("revoked_at", IsSetFilter),)
    list_select_related = ("room", "created_by")
    search_fields = ("room__name",)
    ordering = ("-pk",)
    actions = ("revoke",)
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        return visible(request, super().get_queryset(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Invitation | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat_rooms.change_invitation")

    @admin.action(description=gettext_lazy("Revoke selected invitations"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        actor, revoked = callers.actor(request.user, "admin"), 0
        for invitation in queryset.filter(revoked_at=None):
            invitations.revoke_as_staff(actor=actor, invitation=invitation)
            self.log_change(request, invitation, _("Revoked."))
            revoked += 1
        done = ngettext("%(count)d invitation was revoked.", "%(count)d invitations were revoked.", revoked)
        self.message_user(request, done % {"count": revoked}, messages.SUCCESS if revoked else messages.WARNING)
