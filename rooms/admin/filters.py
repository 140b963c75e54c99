"""The phrases of the word filter, and the messages they report. Every change goes through the service."""

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rooms.admin.visibility import visible
from rooms.models import FilterHit, FilterPhrase
from rooms.services import filters


class FilterPhraseForm(ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    def clean(self) -> None:
        super().clean()
        if self.instance.pk is None and filters.is_full():
            raise ValidationError(_("There are as many phrases as CHAT_FILTER_PHRASES allows."))


@admin.register(FilterPhrase)
class FilterPhraseAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    form = FilterPhraseForm
    list_display = ("phrase", "action", "mute_minutes", "created_at")
    list_filter = ("action",)
    search_fields = ("phrase",)
    ordering = ("phrase",)
    show_facets = admin.ShowFacets.NEVER

    def save_model(
        self, request: HttpRequest, obj: FilterPhrase, form: "ModelForm[FilterPhrase]", change: bool
    ) -> None:
        filters.set_phrase(obj)

    def delete_model(self, request: HttpRequest, obj: FilterPhrase) -> None:
        filters.remove_phrases(ids=[obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[FilterPhrase]) -> None:
        filters.remove_phrases(ids=list(queryset.values_list("pk", flat=True)))


@admin.register(FilterHit)
class FilterHitAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    """Read only; one that is dealt with is deleted."""

    list_display = ("message", "author", "phrase", "excerpt", "at")
    list_select_related = ("message__room", "message__author")
    ordering = ("-pk",)
    show_facets = admin.ShowFacets.NEVER
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[FilterHit]:
        return visible(request, super().get_queryset(request), kind="message__room__kind")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: FilterHit | None = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("author"))
    def author(self, hit: FilterHit) -> str:
        return format_html("<bdi>{}</bdi>", hit.message.author or "-")

    @admin.display(description=gettext_lazy("content"))
    def excerpt(self, hit: FilterHit) -> str:
        return format_html("<bdi>{}</bdi>", Truncator(hit.content).chars(80))
