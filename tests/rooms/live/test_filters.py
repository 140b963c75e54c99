"""A process learns of phrases that another one has changed."""

import pytest
from django.db import OperationalError

from rooms import database
from rooms.live import filters as live
from rooms.models import FilterPhrase
from rooms.services import filters

pytestmark = pytest.mark.django_db(transaction=True)


async def test_what_another_process_has_changed_is_found_by_the_next_poll() -> None:
    await database.call(FilterPhrase.objects.create, phrase="spam")
    assert filters.verdicts(["spam"]) is None
    await live.poll()
    assert filters.verdicts(["spam", "hi"]) == [filters.Verdict(filters.Action.REFUSE, "spam", 10), None]


async def test_phrases_stay_while_the_database_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    await database.call(FilterPhrase.objects.create, phrase="spam")
    await live.changed()

    def fail() -> None:
        raise OperationalError

    monkeypatch.setattr(filters, "reload", fail)
    await live.changed()
    assert filters.verdicts(["spam"])
