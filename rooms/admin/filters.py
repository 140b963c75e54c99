"""The phrases of the word filter, and the messages they report. Every change goes through the service."""

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext as _

from rooms.models import FilterPhrase
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
