"""Sends outgoing webhooks what happened in their rooms: soon after a message, and at the next look after anything else.

Each webhook is sent one event after the other; one whose receiver is slow or away delays none of the others.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import structlog

from monitoring import metrics
from rooms import database, outbound
from rooms.errors import ChatError
from rooms.services import deliveries
from rooms.storage import StoredMessage

log = structlog.get_logger(__name__)
AT_ONCE = 20  # receivers that one process waits for
EVENTS_AT_ONCE = 100  # of one webhook, before others have their turn


class Deliveries:
    def __init__(
        self, spawn: Callable[[Coroutine[Any, Any, None]], None], clock: Callable[[], float], every_s: float
    ) -> None:
        """`every_s` is between two looks at all webhooks."""
        self._spawn, self._clock, self._every_s = spawn, clock, every_s
        self._rooms: frozenset[int] = frozenset()  # that have a webhook, as of the last look
        self._is_new = False  # whether something was stored in one of them
        self._next_look = 0.0
        self._busy: set[int] = set()
        self._turns = asyncio.Semaphore(AT_ONCE)

    def stored(self, messages: Iterable[StoredMessage]) -> None:
        """These messages are new."""
        if self._rooms and not self._rooms.isdisjoint([message.room_id for message in messages]):
            self._is_new = True

    async def tick(self) -> None:
        if self._clock() >= self._next_look:
            self._next_look = self._clock() + self._every_s
            behind = await database.call(deliveries.rooms_with_webhooks)
            self._rooms = frozenset(behind)
            metrics.webhooks_behind(sum(behind.values()))
            self._is_new = bool(behind)
        if self._is_new:
            self._is_new = False
            for webhook_id in set(await database.call(deliveries.due)) - self._busy:
                self._busy.add(webhook_id)
                self._spawn(self._deliver(webhook_id))

    async def _deliver(self, webhook_id: int) -> None:
        """Sends a webhook its events, until there is none or one fails."""
        try:
            async with self._turns:
                for _ in range(EVENTS_AT_ONCE):
                    if not await _send_next(webhook_id):
                        return
            self._is_new = True
        except ChatError as error:  # an attempt that could not be noted is made again, under the same id
            log.warning("webhook.put_off", webhook=webhook_id, code=error.code)
        finally:
            self._busy.discard(webhook_id)


async def _send_next(webhook_id: int) -> bool:
    """Whether an event was delivered, and there may be another one."""
    delivery = await database.call(deliveries.claim, webhook_id=webhook_id)
    if delivery is None:
        return False
    outcome = await outbound.post(delivery.url, delivery.headers, delivery.body)
    result = await database.call(deliveries.settle, delivery=delivery, outcome=outcome)
    metrics.webhook_delivered(result)
    return result == "delivered"
