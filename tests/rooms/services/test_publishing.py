"""Events are published when the transaction they belong to is committed, and only then."""

import pytest
from django.db import transaction

from rooms.live.events import Event
from rooms.services.publishing import publish_after_commit

pytestmark = pytest.mark.django_db(transaction=True)
EVENT = Event("room.1", b"{}", 1)


def test_events_are_published_after_the_commit(published: list[Event]) -> None:
    with transaction.atomic():
        publish_after_commit(lambda: [EVENT])
        assert published == []
    assert published == [EVENT]


def test_without_a_transaction_events_are_published_at_once(published: list[Event]) -> None:
    publish_after_commit(lambda: [EVENT])
    assert published == [EVENT]


def test_what_is_rolled_back_is_not_published(published: list[Event]) -> None:
    with transaction.atomic():
        publish_after_commit(lambda: [EVENT])
        transaction.set_rollback(True)
    assert published == []


def test_an_event_that_cannot_be_made_raises_nothing_and_spares_the_others(published: list[Event]) -> None:
    def fail() -> list[Event]:
        raise RuntimeError("no such frame")

    with transaction.atomic():
        publish_after_commit(fail)
        publish_after_commit(lambda: [EVENT])
    assert published == [EVENT]
