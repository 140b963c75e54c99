"""The one way from a transaction to the bus."""

from collections.abc import Callable

from django.db import transaction

from rooms.live.bus import publish
from rooms.live.events import Event


def publish_after_commit(make: Callable[[], list[Event]]) -> None:
    """Broadcasts what `make` answers once the present transaction is committed; nothing when it is rolled back.

    What is committed stays so even when this fails: a lost event is found by its seq.
    """

    def publish_events() -> None:  # no partial: Django logs a failed one by its name
        publish(make())

    transaction.on_commit(publish_events, robust=True)
