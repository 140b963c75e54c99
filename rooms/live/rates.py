"""How fast users, addresses and connections may act: token buckets, decided at once in this process's memory.

A bucket is one number, when it will be full: a token is a step of that moment into the future. What was taken since the
last exchange is noted, so that `rates_exchange` can tell other processes. Knows no socket and no request. Threads may
call it too: a race costs one token more or less.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, NamedTuple

from rooms.conf import RATES, conf
from rooms.errors import RateLimited
from rooms.rates import Rate

Key = tuple[Any, ...]  # the bucket's name, its owner, and the room where each has one
REMEMBERED_S = 60.0  # at least so long a `clientId` that is sent again takes no new token, at most twice as long


class Bucket:
    __slots__ = ("full_at", "is_noted", "key", "noted_from", "taken_s")

    def __init__(self, key: Key = ()) -> None:
        self.key = key
        self.full_at = 0.0
        self.is_noted = False
        self.taken_s = self.noted_from = 0.0  # since the last exchange

    def wait_s(self, rate: Rate, now: float) -> float:
        """Until there is a token; 0 when there is one."""
        return max(0.0, self.full_at - now - rate.tolerance_s)

    def take(self, rate: Rate, now: float) -> None:
        self.full_at = (self.full_at if self.full_at > now else now) + rate.interval_s  # noqa: FURB136 - max() takes longer

    def try_take(self, rate: Rate | None, now: float) -> float:
        """Takes a token if there is one; else how long to wait, in seconds."""
        if rate is None:
            return 0.0
        wait_s = self.wait_s(rate, now)
        if not wait_s:
            self.take(rate, now)
        return wait_s


class Talk:
    """What one user posts: a bucket for all, one for each room, and the `clientId`s that have taken their tokens."""

    __slots__ = ("bucket", "rooms", "sent", "sent_before")

    def __init__(self, user_id: Any) -> None:
        self.bucket = Bucket(("messages", user_id))
        self.rooms: dict[int, Bucket] = {}
        self.sent: set[str] = set()
        self.sent_before: set[str] = set()


class Taken(NamedTuple):
    """What was taken from a bucket since the last exchange, in seconds of its rate, from `age_s` ago on."""

    bucket: Bucket
    taken_s: float
    age_s: float


class Rates:
    def __init__(self, clock: Callable[[], float] = monotonic, *, is_shared: bool = False) -> None:
        """`is_shared`: notes what is taken, for other processes."""
        self.clock = clock
        self.sockets: Counter[str] = Counter()  # open ones by address
        self._is_shared = is_shared
        self._buckets: dict[Key, Bucket] = {}
        self._talks: dict[Any, Talk] = {}  # by user
        self._noted: list[Bucket] = []
        self._forget_at = clock() + REMEMBERED_S

    def spend(self, bucket: str, owner: Any) -> None:
        """Takes a token of this owner; RateLimited when there is none."""
        rate: Rate | None = getattr(conf, RATES[bucket])
        if rate is not None and (wait_s := self.try_take((bucket, owner), rate)):
            raise refusal(bucket, wait_s)

    def spend_message(self, user_id: Any, room_id: int, client_id: str | None) -> None:
        """Takes a token of the user's and one of the user's in this room, both or none; RateLimited.

        A message that is sent again under its `clientId` takes none. In the path of every message: without calls.
        """
        rate, room_rate = conf.CHAT_RATE_MESSAGES, conf.CHAT_RATE_ROOM_MESSAGES
        if rate is None and room_rate is None:
            return
        talk = self._talks.get(user_id)
        if talk is None:
            talk = self._talks[user_id] = Talk(user_id)
        if client_id is not None and (client_id in talk.sent or client_id in talk.sent_before):
            return
        bucket, room_bucket = talk.bucket, talk.rooms.get(room_id)
        if room_bucket is None:
            room_bucket = talk.rooms[room_id] = Bucket(("room-messages", user_id, room_id))
        now = self.clock()
        if (rate is not None and bucket.full_at - now > rate.tolerance_s) or (
            room_rate is not None and room_bucket.full_at - now > room_rate.tolerance_s
        ):
            self._ask(bucket, now)
            self._ask(room_bucket, now)
            raise _message_refusal(bucket, rate, room_bucket, room_rate, now)
        if rate is not None:
            self._take(bucket, rate, now)
        if room_rate is not None:
            self._take(room_bucket, room_rate, now)
        if client_id is not None:
            talk.sent.add(client_id)

    def try_take(self, key: Key, rate: Rate) -> float:
        """Takes a token if there is one; else how long to wait, in seconds."""
        now, bucket = self.clock(), self._bucket(key)
        wait_s = bucket.wait_s(rate, now)
        if wait_s:
            self._ask(bucket, now)
        else:
            self._take(bucket, rate, now)
        return wait_s

    def wait_s(self, key: Key, rate: Rate) -> float:
        """How long until there is a token; 0 when there is one."""
        now, bucket = self.clock(), self._bucket(key)
        self._ask(bucket, now)
        return bucket.wait_s(rate, now)

    def _bucket(self, key: Key) -> Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = Bucket(key)
        return bucket

    def _take(self, bucket: Bucket, rate: Rate, now: float) -> None:
        bucket.full_at = (bucket.full_at if bucket.full_at > now else now) + rate.interval_s  # noqa: FURB136 - as above
        if self._is_shared:
            self._note(bucket, rate.interval_s, now)

    def _ask(self, bucket: Bucket, now: float) -> None:
        """Has the next exchange say what others took, though nothing was taken here."""
        if self._is_shared:
            self._note(bucket, 0.0, now)

    def _note(self, bucket: Bucket, seconds: float, now: float) -> None:
        if not bucket.is_noted:
            bucket.is_noted, bucket.taken_s, bucket.noted_from = True, 0.0, now
            self._noted.append(bucket)
        bucket.taken_s += seconds

    # --- The exchange with other processes ----------------------------------------------------------------------------
    def noted(self) -> list[Taken]:
        """What was taken since the last call."""
        noted, self._noted = self._noted, []
        now = self.clock()
        for bucket in noted:
            bucket.is_noted = False
        return [Taken(bucket, bucket.taken_s, now - bucket.noted_from) for bucket in noted]

    def learn(self, levels: Iterable[tuple[Bucket, float]], at: float) -> None:
        """In how many seconds from `at` these buckets are full, by what all processes took. Never less than known."""
        for bucket, seconds in levels:
            bucket.full_at = max(bucket.full_at, at + seconds)

    # --- What is over -------------------------------------------------------------------------------------------------
    def forget(self) -> None:
        """Forgets full buckets, and the `clientId`s of some time ago; call it now and then."""
        now = self.clock()
        if now < self._forget_at:
            return
        self._forget_at = now + REMEMBERED_S
        _drop_full(self._buckets, now)
        for user_id, talk in list(self._talks.items()):
            talk.sent, talk.sent_before = set(), talk.sent
            _drop_full(talk.rooms, now)
            if not talk.rooms and not talk.sent_before and talk.bucket.full_at <= now:
                del self._talks[user_id]


def _drop_full(buckets: dict[Any, Bucket], now: float) -> None:
    for key in [key for key, bucket in list(buckets.items()) if bucket.full_at <= now and not bucket.is_noted]:
        del buckets[key]


def _message_refusal(
    bucket: Bucket, rate: Rate | None, room_bucket: Bucket, room_rate: Rate | None, now: float
) -> RateLimited:
    """Names the bucket that has a token last."""
    wait_s = bucket.wait_s(rate, now) if rate is not None else 0.0
    room_wait_s = room_bucket.wait_s(room_rate, now) if room_rate is not None else 0.0
    return refusal("room-messages", room_wait_s) if room_wait_s > wait_s else refusal("messages", wait_s)


def refusal(bucket: str, wait_s: float) -> RateLimited:
    return RateLimited(bucket=bucket, retry_after_ms=math.ceil(wait_s * 1000))
