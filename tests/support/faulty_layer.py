"""A Redis channel layer that loses a set share of its messages, without an error for the sender or the reader."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer


class FaultyLayer(RedisPubSubChannelLayer):
    """Of every `lose_every` publishes to a room one goes nowhere, of every `miss_every` that arrive one is dropped.

    0 is none, 1 is all.
    """

    def __init__(self, *args: Any, lose_every: int = 0, miss_every: int = 0, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lost, self._missed = _every(lose_every), _every(miss_every)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if not (group.startswith("room.") and next(self._lost)):
            await self._get_layer().group_send(group, message)

    async def receive(self, channel: str) -> dict[str, Any]:
        while True:
            message = await self._get_layer().receive(channel)
            if not next(self._missed):
                return message


def _every(turn: int) -> Iterator[bool]:
    return (bool(turn) and number % turn == 0 for number in count(1))
