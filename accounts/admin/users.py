"""Users, their sign-ins and their identities in other systems, in the Django admin.

Staff with the permissions moderate people; only a superuser changes who is staff, and those who are.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import services
from accounts.forms import AddUserForm, ChangeUserForm
from accounts.models import ExternalIdentity, SignIn, User
from accounts.sign_in_forms import AdminSignInForm
from rooms import callers
from rooms.admin.list_filters import IsSetFilter
from rooms.callers import sees_private
from rooms.errors import ChatError
from rooms.models import Membership
from rooms.services import server_bans

RANK_FIELDS = ("is_staff", "is_superuser", "groups", "user_permissions")
WITH_PERMISSIONS = (
    Q(is_staff=True) | Q(is_superuser=True) | Q(user_permissions__isnull=False) | Q(groups__permissions__isnull=False)
)
admin.site.login_form = admin.site.login_form or AdminSignInForm  # a project may have its own
NAMES_OF_OWNED = {model._meta.verbose_name for model in (SignIn, ExternalIdentity)}  # noqa: SLF001 - Django documents _meta as public

NAME_OF_MEMBERSHIPS = Membership._meta.verbose_name_plural  # noqa: SLF001 - the same


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]  # not generic when it runs
    form, add_form = ChangeUserForm, AddUserForm
    list_display = ("username", "email", "is_active", "is_staff", "last_login", "date_joined")
    readonly_fields = ("last_login", "date_joined")
    actions = ("deactivate", "sign_out_everywhere", "ban", "disconnect")
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        readonly = tuple(super().get_readonly_fields(request, obj))
        return readonly if request.user.is_superuser else (*readonly, *RANK_FIELDS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self._may_touch(request, obj)

    def _may_touch(self, request: HttpRequest, user: User | None) -> bool:
        """Whoever could set the password of somebody with permissions could have these."""
        return (
            user is None or request.user.is_superuser or not User.objects.filter(WITH_PERMISSIONS, pk=user.pk).exists()
        )

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[Any, Any], set[Any], list[Any]]:
        """A user's sign-ins and identities go with the user, though nobody may delete them one by one.

        Memberships name rooms that not all staff may know of.
        """
        found: tuple[Any, ...] = super().get_deleted_objects(objs, request)
        deleted, counts, lacking, protected = found
        if not sees_private(request.user):
            deleted = [user for user in deleted if not isinstance(user, list)]
            counts = {name: count for name, count in counts.items() if name != NAME_OF_MEMBERSHIPS}
        return deleted, counts, lacking - NAMES_OF_OWNED, protected

    def save_model(self, request: HttpRequest, obj: User, form: "ModelForm[User]", change: bool) -> None:
        """Writes what was changed here and no more: a sign-out that happened meanwhile must not be undone."""
        if change:
            obj.save(update_fields={field.name for field in self.opts.concrete_fields} & set(form.changed_data))
        else:
            obj.save()

    @admin.action(description=gettext_lazy("Deactivate selected users"), permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        users = self._changeable(request, queryset.filter(is_active=True).exclude(username=request.user.get_username()))
        services.deactivate(user_ids=[user.pk for user in users])
        _log(request, users, _("Deactivated."))
        done = ngettext("%(count)d user was deactivated.", "%(count)d users were deactivated.", len(users))
        self.message_user(request, done % {"count": len(users)}, messages.SUCCESS if users else messages.WARNING)

    @admin.action(description=gettext_lazy("Sign selected users out everywhere"), permissions=["change"])
    def sign_out_everywhere(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        users = self._changeable(request, queryset)
        services.sign_out_everywhere(user_ids=[user.pk for user in users])
        _log(request, users, _("Signed out everywhere."))
        done = ngettext(
            "%(count)d user was signed out everywhere.", "%(count)d users were signed out everywhere.", len(users)
        )
        self.message_user(request, done % {"count": len(users)}, messages.SUCCESS if users else messages.WARNING)

    def has_ban_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat_rooms.add_serverban")

    @admin.action(description=gettext_lazy("Ban selected users from the chat for ever"), permissions=["ban"])
    def ban(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._act_on_each(request, queryset, server_bans.ban_from_server)

    @admin.action(description=gettext_lazy("End all chat connections of selected users"), permissions=["ban"])
    def disconnect(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self._act_on_each(request, queryset, server_bans.disconnect)

    def _act_on_each(self, request: HttpRequest, queryset: QuerySet[User], act: Callable[..., None]) -> None:
        """Those of an equal or higher rank are left out, and named."""
        actor, done = callers.actor(request.user, "admin"), 0
        for user in queryset:
            try:
                act(actor=actor, user_id=user.pk)
                done += 1
            except ChatError:
                refused = _("%(name)s was left out: the rank is not below yours.") % {"name": user.username}
                self.message_user(request, refused, messages.WARNING)
        text = ngettext("Done for %(count)d user.", "Done for %(count)d users.", done) % {"count": done}
        self.message_user(request, text, messages.SUCCESS if done else messages.WARNING)

    def _changeable(self, request: HttpRequest, queryset: QuerySet[User]) -> list[User]:
        if not self.has_change_permission(request):
            return []
        if request.user.is_superuser:
            return list(queryset)
        return list(queryset.exclude(pk__in=User.objects.filter(WITH_PERMISSIONS).values("pk")))


@admin.register(SignIn)
class SignInAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    list_display = ("user", "address", "created_at", "used_at", "revoked_at")
    list_filter = (("revoked_at", IsSetFilter),)
    list_select_related = ("user",)
    search_fields = ("user__username", "address")
    ordering = ("-expires_at",)  # the newest first, by an index
    exclude = ("generation",)
    actions = ("revoke",)
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: SignIn | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: SignIn | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("chat_accounts.change_signin")

    @admin.action(description=gettext_lazy("Revoke selected sign-ins"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[SignIn]) -> None:
        sign_ins = list(queryset.filter(revoked_at=None))
        services.revoke(sign_ins=sign_ins)
        _log(request, sign_ins, _("Revoked."))
        done = ngettext("%(count)d sign-in was revoked.", "%(count)d sign-ins were revoked.", len(sign_ins))
        self.message_user(request, done % {"count": len(sign_ins)}, messages.SUCCESS if sign_ins else messages.WARNING)


@admin.register(ExternalIdentity)
class ExternalIdentityAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    """Read only: whoever could write one could sign in as its user."""

    list_display = ("subject", "issuer", "user", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "subject")
    ordering = ("-pk",)
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ExternalIdentity | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ExternalIdentity | None = None) -> bool:
        return False


def _log(request: HttpRequest, records: list[Any], message: str) -> None:
    LogEntry.objects.log_actions(request.user.pk, records, CHANGE, message)  # type: ignore[arg-type]  # takes any list
