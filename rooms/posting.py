"""Posting a list of messages: who may, what is stored already, and then all that is new in one transaction.

Called by rooms.services, which publishes. Its statements are plain and take rows, not models: composing them by the ORM
and making instances took a third of a small commit's CPU (1,230 -> 780 us).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from chatsite.errors import Banned, ChatError, Forbidden, Muted, NoSuchRoom
from rooms.delivery.journal import Held
from rooms.models import Membership, Message, Room


class NewMessage(NamedTuple):
    room_id: int
    author_id: int
    content: str
    client_id: str | None = None
    kind: str = Message.Kind.CHAT.value


class PostedIn(NamedTuple):
    pk: int
    name: str


class PostedBy(NamedTuple):
    pk: int
    username: str


@dataclass(slots=True)
class Posted:
    """A message that was stored just now, to be read as if it were a Message."""

    room: PostedIn
    author: PostedBy
    kind: str
    content: str
    client_id: str | None
    created_at: datetime
    pk: int = 0
    seq: int = 0
    edited_at: None = None
    deleted_at: None = None
    repeated: bool = False

    @property
    def room_id(self) -> int:
        return self.room.pk

    @property
    def changed_seq(self) -> int:
        return self.seq


Answer = Posted | Message | ChatError


# `{rows}` is a list of rows, whose types come first.
ASKED = (
    "int bigint bigint text",
    """
    WITH asked(n, room, author, client) AS ({rows})
    SELECT n, rooms_room.name, rooms_room.kind, closed_at IS NOT NULL, username, rooms_membership.id IS NOT NULL,
        banned_until > %s, muted_until > %s, rooms_message.id
    FROM asked
    LEFT JOIN rooms_room ON rooms_room.id = room
    LEFT JOIN accounts_user ON accounts_user.id = author AND is_active
    LEFT JOIN rooms_membership ON rooms_membership.room_id = room AND rooms_membership.user_id = author
    LEFT JOIN rooms_message ON rooms_message.author_id = author AND rooms_message.client_id = client
""",
)
# PostgreSQL stores by one statement, which is its own transaction: two ways there and back for a commit, not five, and
# 1.6 ms of CPU instead of 2.2.
STORE_AT_ONCE = (
    "bigint text bigint text text",
    """
    WITH new(room, kind, author, content, client, n) AS ({rows} WITH ORDINALITY),
    wanted AS (SELECT room, count(*) AS messages FROM new GROUP BY room),
    locked AS (SELECT id FROM rooms_room WHERE closed_at IS NULL AND id IN (SELECT room FROM new) ORDER BY id {lock}),
    heads AS (
        UPDATE rooms_room SET last_seq = last_seq + messages FROM wanted
        WHERE id = room AND id IN (SELECT id FROM locked) RETURNING id, last_seq - messages AS before
    ),
    numbered AS (
        SELECT new.*, before + row_number() OVER (PARTITION BY room ORDER BY n) AS seq FROM new JOIN heads ON id = room
    )
    INSERT INTO rooms_message (room_id, seq, changed_seq, kind, author_id, content, client_id, created_at)
    SELECT room, seq, seq, kind, author, content, client, %s FROM numbered
    ORDER BY author, client RETURNING room_id, seq, id
""",
)
TAKE_SEQS = (
    "bigint int",
    """
    WITH wanted(room, messages) AS ({rows})
    UPDATE rooms_room SET last_seq = last_seq + messages FROM wanted
    WHERE id = room AND closed_at IS NULL RETURNING id, last_seq
""",
)
STORE = (
    "bigint bigint bigint text bigint text text timestamptz",
    """
    INSERT INTO rooms_message (room_id, seq, changed_seq, kind, author_id, content, client_id, created_at)
    {rows} RETURNING room_id, seq, id
""",
)
LOCK, LOCK_FREE = "FOR NO KEY UPDATE", "FOR NO KEY UPDATE SKIP LOCKED"


class Asked(NamedTuple):
    """What the database knows of one new message's room, author and client id."""

    n: int
    room_name: Any  # a text; None: there is no such room
    room_kind: str
    closed: bool
    username: Any  # the same of an active user
    member: bool
    banned: bool | None
    muted: bool | None
    stored: int | None


def _rows(
    statement: tuple[str, str], rows: Iterable[tuple[Any, ...]], *more: Any, lock: str = ""
) -> list[tuple[Any, ...]]:
    types, sql = statement
    rows = list(rows)
    if connection.vendor == "postgresql":  # psycopg parses each placeholder every time: 2.1 -> 1.5 ms for 20 messages
        source = f"SELECT * FROM unnest({', '.join([f'%s::{kind}[]' for kind in types.split()])})"  # noqa: S608 - ours
        values: list[Any] = [list(column) for column in zip(*rows, strict=True)]
    else:
        source = "VALUES " + ", ".join([f"({', '.join(['%s'] * len(rows[0]))})"] * len(rows))
        values = [value for row in rows for value in row]
    with connection.cursor() as cursor:
        cursor.execute(sql.format(rows=source, lock=lock), [*values, *more])
        answer: list[tuple[Any, ...]] = cursor.fetchall()
    return answer


def post(messages: list[NewMessage], *, wait: bool) -> tuple[list[Answer], list[Posted]]:
    """Answers each message, and what is new; one whose client id is stored already is answered by that Message.

    Waits for rooms that others hold, or leaves their messages unstored (Held).
    """
    now = timezone.now()
    moment = connection.ops.adapt_datetimefield_value(now)
    rows = ((n, new.room_id, new.author_id, new.client_id) for n, new in enumerate(messages))
    asked = [Asked(*row) for row in sorted(_rows(ASKED, rows, moment, moment))]
    stored = _stored([one.stored for one in asked if one.stored])
    answers: list[Answer] = []
    accepted: list[Posted] = []
    first: dict[tuple[int, str], Posted] = {}  # of each client id in this list
    for one in asked:
        new = messages[one.n]
        key = (new.author_id, new.client_id or "")
        answer = stored.get(one.stored) or first.get(key) or _refusal(new, one, now)
        if answer is None:
            room, author = PostedIn(new.room_id, one.room_name), PostedBy(new.author_id, one.username)
            answer = Posted(room, author, new.kind, new.content, new.client_id, now)
            accepted.append(answer)
            if new.client_id:
                first[key] = answer
        answers.append(answer)
    if accepted:
        _store(accepted, moment, wait=wait)
    stored_now = [message for message in accepted if message.seq]
    return [answer if not isinstance(answer, Posted) or answer.seq else Held() for answer in answers], stored_now


def _refusal(new: NewMessage, asked: Asked, now: datetime) -> ChatError | None:
    if asked.room_name is None:
        return NoSuchRoom()
    if asked.username is None:
        return Banned()
    if asked.closed:
        return Forbidden("This room is closed")
    if not asked.member and asked.room_kind != Room.Kind.PUBLIC:
        return NoSuchRoom()
    if asked.banned:
        return Banned("You are banned from this room")
    return _muted(new, now) if asked.muted else None


def _muted(new: NewMessage, now: datetime) -> Muted:
    until = Membership.objects.values_list("muted_until", flat=True).get(room=new.room_id, user=new.author_id)
    return Muted(retry_after_ms=int((until - now).total_seconds() * 1000) if until else 0)


def _store(messages: list[Posted], moment: Any, *, wait: bool) -> None:
    """Gives each its seq and its key; none to those whose room is held, or was closed a moment ago."""
    rows = [(one.room.pk, one.kind, one.author.pk, one.content, one.client_id) for one in messages]
    if connection.vendor == "postgresql":
        stored = _rows(STORE_AT_ONCE, rows, moment, lock=LOCK if wait else LOCK_FREE)
    else:
        with transaction.atomic():  # SQLite's lock is the transaction itself
            stored = _store_in_steps(rows, moment)
    places: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for room, seq, pk in sorted(stored, reverse=True):
        places[room].append((seq, pk))
    for message in messages:
        if left := places[message.room.pk]:
            message.seq, message.pk = left.pop()


def _store_in_steps(messages: list[tuple[Any, ...]], moment: Any) -> list[tuple[Any, ...]]:
    wanted = Counter(room for room, *_ in messages)
    seqs = {room: count(head - wanted[room] + 1) for room, head in _rows(TAKE_SEQS, wanted.items())}
    rows = []
    for room, *rest in messages:
        if room in seqs:
            seq = next(seqs[room])
            rows.append((room, seq, seq, *rest, moment))
    return _rows(STORE, rows) if rows else []


def _stored(keys: list[int]) -> dict[int | None, Message]:
    """Messages that are there already, as somebody's client repeats them."""
    found = Message.objects.filter(pk__in=keys).select_related("author", "room") if keys else []
    for message in found:
        message.repeated = True
    return {message.pk: message for message in found}
