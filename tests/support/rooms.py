"""What tests of storage and of services share: two users, two rooms, and writers that meet each other's locks."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Barrier, Event
from typing import Any

import msgspec
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from rooms import access
from rooms.live import events
from rooms.models import Membership, Room
from rooms.storage import NewMessage, RoomAccess
from tests.support.factories import make_room, make_user
from tests.support.machine import wait_until
from tests.support.servers import Database

Run = Callable[..., Any]
Writers = Callable[[], Database]


@dataclass(frozen=True)
class World:
    """Alice and bob, a public room and a private one of alice's."""

    alice: User
    bob: User
    room: Room
    private: Room

    @classmethod
    def make(cls) -> "World":
        alice, bob, private = make_user("alice"), make_user("bob"), make_room("private", kind=Room.Kind.PRIVATE)
        Membership.objects.create(room=private, user=alice)
        return cls(alice=alice, bob=bob, room=make_room("lobby"), private=private)

    def new(self, content: str = "hi", client_id: str | None = None, **fields: Any) -> NewMessage:
        """A message of alice's for the public room, where the fields say nothing else."""
        where = {"room_id": self.room.pk, "author_id": self.alice.pk, **fields}
        return NewMessage(**where, content=content, client_id=client_id)

    def access(self, name: str = "lobby") -> RoomAccess:
        """A room as alice enters it."""
        return access.room(self.alice.pk, name)


def restrict(room: Room, user: User, **fields: Any) -> None:
    Membership.objects.update_or_create(room=room, user=user, defaults=fields)


def from_now(hours: int) -> datetime:
    return timezone.now() + timedelta(hours=hours)


def frames(published: list[events.Event]) -> list[Any]:
    return [msgspec.json.decode(event.payload) for event in published]


# --- Several writers --------------------------------------------------------------------------------------------------
def at_once(*tasks: Callable[[], None]) -> None:
    """Starts tasks at the same moment, each in a thread; raises what one of them raises."""
    barrier = Barrier(len(tasks))

    def start(task: Callable[[], None]) -> None:
        barrier.wait(10)
        task()

    with ThreadPoolExecutor(len(tasks)) as threads:
        list(threads.map(start, tasks))


def waiting_for_locks(run: Run) -> int:
    """How many writers PostgreSQL lets wait for another one."""

    def count() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            return int(cursor.fetchone()[0])

    return int(run(count))


@contextmanager
def uncommitted(writer: Database, function: Callable[..., object], **fields: Any) -> Iterator[None]:
    """While the block runs, what the function did is not committed; afterwards it is."""
    done, commit = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            function(**fields)
            done.set()
            assert commit.wait(20)

    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(writer.run, hold)
        try:
            assert done.wait(20)
            yield
        finally:
            commit.set()
        held.result(20)


def begins_to_wait(run: Run, writer: Database, function: Callable[..., Any], **fields: Any) -> Future[Any]:
    """Starts a function in another thread; returns when it waits for a lock, or when it has not had to."""
    threads = ThreadPoolExecutor(1)
    future = threads.submit(writer.run, function, **fields)
    threads.shutdown(wait=False)
    wait_until(lambda: future.done() or waiting_for_locks(run) > 0, what="it waits for a lock")
    return future
