"""Posting a list of messages: what is stored already, who may, and then all that is new in one transaction."""

from collections.abc import Iterable
from datetime import datetime
from itertools import repeat
from typing import Any

import msgspec
import structlog
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from rooms import hooks, people, signals, storage
from rooms.access import Action, refusal
from rooms.errors import Blocked, ChatError, Conflict, Unavailable
from rooms.live.write_queue import Held
from rooms.models import Room
from rooms.protocol.rules import text_content
from rooms.services import filters
from rooms.services.changes import change_event
from rooms.services.filters import Verdict
from rooms.services.publishing import publish_after_commit
from rooms.storage import NewMessage, Placed, PostContext, Repeated, RoomAccess, StoredMessage

log = structlog.get_logger(__name__)
TRIES = 3  # of a list that meets the same client id from another process; the second try finds what that one stored
Answer = StoredMessage | ChatError
MODERATES = ("moderator",)
PUBLIC = Room.Kind.PUBLIC.value


def post_message(*, room_id: int, author_id: Any, content: str, client_id: str | None = None) -> StoredMessage:
    """Stores one message; raises what refuses it. A repeated client id answers the first one's message."""
    text = text_content(hooks.check_post(author_id, room_id, text_content(content)))
    [answer] = post_messages([NewMessage(room_id, author_id, text, client_id)])
    if isinstance(answer, ChatError):
        raise answer
    return answer


def post_messages(messages: list[NewMessage]) -> list[Answer]:
    """Stores and broadcasts messages; answers each with what is stored or with what refuses it."""
    answers = store_messages(messages)
    stored = new_messages(answers)
    publish_after_commit(lambda: [change_event(message) for message in stored])
    for message in stored:
        signals.send_after_commit(signals.message_posted, message=message)
    return answers


def new_messages(answers: list[Answer]) -> list[StoredMessage]:
    """The messages that were stored just now."""
    stored = [answer for answer in answers if isinstance(answer, StoredMessage)]
    return [message for message in stored if not isinstance(message, Repeated)]


def store_messages(messages: list[NewMessage], *, wait: bool = True) -> list[Answer]:
    """Stores messages in one transaction and broadcasts nothing: the write queue does that with its answers.

    Without `wait` those for a room that another transaction has locked are answered Held, and delay nothing.
    """
    found = filters.verdicts(new.content for new in messages)
    for _ in range(TRIES):
        try:
            return _store_messages(messages, wait=wait) if found is None else _filtered(messages, found, wait=wait)
        except IntegrityError:  # another process has just stored one of these client ids
            continue
    raise Unavailable("Too many writers of the same message")


def _filtered(messages: list[NewMessage], found: list[Verdict | None], *, wait: bool) -> list[Answer]:
    """The same, with what becomes of messages that have a phrase, in one transaction."""
    with transaction.atomic():
        answers = _store_messages(messages, [verdict and verdict.refusal() for verdict in found], wait=wait)
        filters.act(messages, answers, found)
    return answers


def _store_messages(
    messages: list[NewMessage], refusals: Iterable[ChatError | None] = repeat(None), *, wait: bool
) -> list[Answer]:
    """`refusals` has what refuses a message for its text, if somebody may post it at all."""
    dialect, now = storage.dialect(), timezone.now()
    with dialect.posting():
        contexts: list[PostContext] = dialect.lookup(messages)
        blocked = _blocked(messages, contexts)
        answers = [
            _known(new, context, now, blocked) or refusal
            for new, context, refusal in zip(messages, contexts, refusals, strict=False)
        ]
        firsts: dict[tuple[object, str], int] = {}  # of each client id in this list: the others repeat it
        wanted = []
        for n, new in enumerate(messages):
            if answers[n] is None and (new.client_id is None or firsts.setdefault(_key(new), n) == n):
                wanted.append(n)
        for n, answer in zip(wanted, _store([(messages[n], contexts[n]) for n in wanted], now, wait=wait), strict=True):
            answers[n] = answer
    _add_members(answers, contexts, now)
    return [answer or _repeat(new, answers[firsts[_key(new)]]) for new, answer in zip(messages, answers, strict=True)]


def _add_members(answers: list[Answer | None], contexts: list[PostContext], now: datetime) -> None:
    """Who writes in a public room is a member of it from then on. Where that fails, their next message does it."""
    newcomers = [
        (answer.room_id, answer.author_id)
        for answer, context in zip(answers, contexts, strict=True)
        if context.access is not None and context.access.role is None and context.access.kind == PUBLIC
        if isinstance(answer, StoredMessage) and not isinstance(answer, Repeated)
    ]
    if not newcomers:
        return
    try:
        with transaction.atomic():
            storage.add_members(newcomers, now)
    except DatabaseError as error:
        log.warning("posting.no_members", exc_info=error)


def _key(new: NewMessage) -> tuple[object, str]:
    return new.author_id, new.client_id or ""


def _blocked(messages: list[NewMessage], contexts: list[PostContext]) -> set[tuple[int, Any]]:
    """Room and author of those whom the other person of a direct room has blocked; other rooms are not asked about.

    Who moderates the whole chat can write to everybody.
    """
    direct = {
        (new.room_id, new.author_id)
        for new, context in zip(messages, contexts, strict=True)
        if context.access is not None and context.access.kind == Room.Kind.DIRECT and not new.moderates
    }
    return storage.blocked_authors(direct) if direct else set()


def _known(new: NewMessage, context: PostContext, now: datetime, blocked: set[tuple[int, Any]]) -> Answer | None:
    """The answer to a message that is not to be stored."""
    if context.repeated is not None:
        return _repeat(new, context.repeated)
    error = refusal(context.access, Action.POST, now, MODERATES if new.moderates else ())
    if error is None and blocked and not new.moderates and (new.room_id, new.author_id) in blocked:
        return Blocked()
    return error


def _repeat(new: NewMessage, first: Answer | None) -> Answer:
    """The answer to a client id that was used before. A message that was changed since cannot be compared."""
    if not isinstance(first, StoredMessage):
        return first or Unavailable()
    is_changed = first.edited_at or first.deleted_at
    if new.room_id != first.room_id or (new.content != first.content and not is_changed):
        return Conflict("This clientId was used for another message")
    return Repeated(*msgspec.structs.astuple(first))


def _store(accepted: list[tuple[NewMessage, PostContext]], now: datetime, *, wait: bool) -> list[Answer]:
    if not accepted:
        return []
    places: list[Placed | None] = storage.dialect().store([new for new, _ in accepted], now, wait=wait)
    return [
        Held() if place is None or context.access is None else _stored(new, context.access, place, now)
        for (new, context), place in zip(accepted, places, strict=True)
    ]


def _stored(new: NewMessage, access: RoomAccess, place: Placed, now: datetime) -> StoredMessage:
    author = people.Shown(access.username or "")
    if people.by_function():
        author = people.lookup([new.author_id]).get(new.author_id, author)
    return StoredMessage(
        id=place.id,
        room_id=new.room_id,
        room_name=access.name,
        seq=place.seq,
        changed_seq=place.seq,
        kind=new.kind,
        author_id=new.author_id,
        username=author.name,
        avatar=author.avatar,
        content=new.content,
        client_id=new.client_id,
        created_at=now,
    )
