"""This process's queue of reactions: those of many people to one message are stored in few transactions."""

from collections.abc import Callable
from functools import partial

from rooms import database
from rooms.conf import conf
from rooms.live.bus import Bus
from rooms.live.write_queue import WriteQueue
from rooms.services.reactions import Answer, Change, NewReaction, store_reactions


class ReactionQueue:
    def __init__(self, bus: Bus, after_commit: Callable[[], None]) -> None:
        """`after_commit` is called by the writer's thread."""
        self._bus, self._after_commit = bus, after_commit
        self._queue: WriteQueue[NewReaction, Change] = WriteQueue(
            partial(database.store, self._store),
            capacity=conf.CHAT_WRITE_QUEUE_MESSAGES,
            share=conf.CHAT_WRITE_QUEUE_MESSAGES_PER_USER,
            lane=lambda new: new.room_id,
            owner=lambda new: new.user_id,
            store_held=partial(database.store_held, store_reactions),
            on_stored=self._broadcast,
            measure=lambda _count, _seconds: None,
        )

    async def stored(self, new: NewReaction) -> Change:
        """Has a reaction stored and broadcast; raises what refuses it. Unavailable when too many wait."""
        return await self._queue.stored(new)

    async def flush(self) -> None:
        await self._queue.flush()

    def _store(self, new: list[NewReaction]) -> list[Answer]:
        answers = store_reactions(new, wait=False)
        self._after_commit()
        return answers

    def _broadcast(self, answers: list[Answer]) -> None:
        self._bus.publish([one.event for one in answers if isinstance(one, Change) and one.event is not None])
