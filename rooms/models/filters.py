"""Phrases that messages are checked for, and what was found."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from rooms.phrases import parsed

MAX_PHRASE = 60  # characters


class FilterPhrase(models.Model):
    """A phrase, with `*` at an end where a word may go on, and what a message that has it gets."""

    class Action(models.TextChoices):
        REFUSE = "refuse", _("refuse the message")
        REPORT = "report", _("store the message and report it")
        MUTE = "mute", _("refuse the message and mute its author in the room")
        ALLOW = "allow", _("allow: what other phrases find within this one does not count")

    phrase = models.CharField(
        _("phrase"),
        max_length=MAX_PHRASE,
        unique=True,
        help_text=_("Words with single spaces. A * at the beginning or the end: the word may go on there."),
    )
    action = models.CharField(_("action"), max_length=10, choices=Action.choices, default=Action.REFUSE)
    mute_minutes = models.PositiveIntegerField(_("minutes of the mute"), default=10)
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("filter phrase")
        verbose_name_plural = _("filter phrases")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(action__in=["refuse", "report", "mute", "allow"]), name="filter_action_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(mute_minutes__gte=1, mute_minutes__lte=525_600), name="filter_mute_is_a_year_at_most"
            ),
        ]

    def __str__(self) -> str:
        return self.phrase

    def clean(self) -> None:
        """Refuses a phrase that finds nothing, or more than its writer may think."""
        if "*" in self.phrase.strip().strip("*"):
            raise ValidationError({"phrase": _("A * stands at the beginning or the end.")})
        if not parsed(self.phrase).text:
            raise ValidationError({"phrase": _("A phrase has visible characters.")})
