"""Posting a list of messages: what is stored already, who may, and then all that is new in one transaction."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from itertools import repeat
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.utils import timezone

from rooms import hooks, people, signals, storage
from rooms.access import Action, is_slowed, refusal
from rooms.errors import Banned, Blocked, ChatError, Conflict, Locked, Muted, SlowMode, Unavailable
from rooms.live.write_queue import Held
from rooms.models import Message
from rooms.protocol.rules import text_content
from rooms.services import blocks, extras, filters, mentions, newcomers, slow_mode
from rooms.services.changes import change_event
from rooms.services.filters import Verdict
from rooms.services.publishing import publish_after_commit
from rooms.storage import NewMessage, Placed, PostContext, Repeated, RoomAccess, StoredMessage

TRIES = 3  # of a list that meets the same client id from another process; the second try finds what that one stored
Answer = StoredMessage | ChatError
MODERATES = ("moderator",)
RESTRICTIONS = Banned | Muted | Locked | SlowMode
Refusals = Iterable[ChatError | None]
Verdicts = list[Verdict | None] | None
Store = Callable[..., list[Answer]]
NONE_REFUSED: Refusals = repeat(None)


class _Apart(Held):
    """The answer of the first attempt to a message that needs its room's lock: in slow mode, or with extras."""


def post_message(
    *,
    room_id: int,
    author_id: Any,
    content: str,
    client_id: str | None = None,
    reply_to: int | None = None,
    names: Sequence[str] = (),
    attachments: Collection[str] = (),
    roles: Collection[str] = (),
    kind: str = Message.Kind.CHAT.value,
    bot: bool = False,
    bot_mentions: bool = False,
) -> StoredMessage:
    """Stores one message; raises what refuses it. A repeated client id answers the first one's message.

    `names` are of people whom it mentions besides those in the text. `roles` are the author's in the whole chat: slow
    mode and locks do not hold for those who moderate it. `bot`: the author is one, who mentions nobody without
    `bot_mentions`.
    """
    has_files = bool(attachments)
    text = hooks.check_post(author_id, room_id, text_content(content, has_files=has_files))
    new = NewMessage(
        room_id,
        author_id,
        text_content(text, has_files=has_files),
        client_id,
        kind,
        reply_to,
        "moderator" in roles,
        mentions.checked(names),
        tuple(attachments),
        bot=bot,
        bot_mentions=bot_mentions,
    )
    return post_new(new)


def post_new(new: NewMessage) -> StoredMessage:
    """Stores and broadcasts one message of checked content; raises what refuses it."""
    [answer] = post_messages([new])
    if isinstance(answer, ChatError):
        raise answer
    return answer


def post_messages(messages: list[NewMessage]) -> list[Answer]:
    """Stores and broadcasts messages; answers each with what is stored or with what refuses it."""
    answers = store_messages(messages)
    stored = new_messages(answers)
    publish_after_commit(lambda: [*map(change_event, stored), *mentions.notices(whole(stored))])
    for message in whole(stored):
        signals.send_after_commit(signals.message_posted, message=message)
    return answers


def new_messages(answers: list[Answer]) -> list[StoredMessage]:
    """The messages that were stored just now."""
    stored = [answer for answer in answers if isinstance(answer, StoredMessage)]
    return [message for message in stored if not isinstance(message, Repeated)]


def whole(messages: list[StoredMessage]) -> list[StoredMessage]:
    """Those whose text is complete: of others no mention is announced before it is."""
    return [message for message in messages if message.stream is None]


def store_messages(messages: list[NewMessage], *, wait: bool = True) -> list[Answer]:
    """Stores messages in one transaction, those of rooms in slow mode or with extras in another, and broadcasts
    nothing: the write queue does that with its answers.

    Without `wait` those for a room that another transaction has locked are answered Held, and delay nothing.
    """
    found = filters.verdicts(new.content for new in messages)
    answers = _tried(_store_messages, messages, found, wait=wait)
    if any(isinstance(answer, Held) for answer in answers):
        _again(_store_apart, messages, found, answers, _Apart, wait=wait)
        if wait:  # rights have just changed there: what was decided by the old ones is decided again
            _again(_store_messages, messages, found, answers, Held, wait=True)
    return answers


def _again(
    store: Store,
    messages: list[NewMessage],
    found: Verdicts,
    answers: list[Answer],
    kind: type[ChatError],
    *,
    wait: bool,
) -> None:
    """Stores those messages whose answer is of this kind."""
    places = [n for n, answer in enumerate(answers) if isinstance(answer, kind)]
    if not places:
        return
    their_verdicts = [found[n] for n in places] if found is not None else None
    stored = _tried(store, [messages[n] for n in places], their_verdicts, wait=wait)
    for n, answer in zip(places, stored, strict=True):
        is_final = kind is _Apart or isinstance(answer, StoredMessage | RESTRICTIONS)
        answers[n] = answer if is_final else Held()


def _filtered(store: Store, messages: list[NewMessage], found: list[Verdict | None], *, wait: bool) -> list[Answer]:
    """With what becomes of messages that have a phrase, in one transaction."""
    with transaction.atomic():
        answers = store(messages, [verdict and verdict.refusal() for verdict in found], wait=wait)
        filters.act(messages, answers, found)
    return answers


def _tried(store: Store, messages: list[NewMessage], found: Verdicts, *, wait: bool) -> list[Answer]:
    for _ in range(TRIES):
        try:
            if found is None:
                return store(messages, NONE_REFUSED, wait=wait)
            return _filtered(store, messages, found, wait=wait)
        except IntegrityError:  # another process has just stored one of these client ids
            continue
    raise Unavailable("Too many writers of the same message")


def _store_messages(messages: list[NewMessage], refusals: Refusals, *, wait: bool) -> list[Answer]:
    """Stores messages; those that slow mode holds for, and those of rooms with extras, are answered _Apart.

    `refusals` has what refuses a message for its text, if somebody may post it at all.
    """
    dialect, now = storage.dialect(), timezone.now()
    with dialect.posting():
        contexts: list[PostContext] = dialect.lookup(messages)
        decided = _decided(messages, contexts, refusals, now)
        apart = {new.room_id for new in messages if not new.is_plain}  # all of a room, in their order
        if apart:
            decided = [
                answer or (_Apart() if new.room_id in apart else None)
                for new, answer in zip(messages, decided, strict=True)
            ]
        answers = _answered(messages, contexts, decided, now, wait=wait)
    newcomers.add(answers, contexts, now)
    return answers


def _store_apart(messages: list[NewMessage], refusals: Refusals, *, wait: bool) -> list[Answer]:
    """The same under the locks of rooms: it is certain when each author wrote last, and what is looked up."""
    dialect = storage.dialect()
    with transaction.atomic():
        locked = slow_mode.lock_rooms({new.room_id for new in messages}, wait=wait)
        now, found = timezone.now(), extras.found(messages)
        with dialect.posting():
            contexts: list[PostContext] = dialect.lookup(messages)
            decided = _decided(messages, contexts, refusals, now)
            answers = [
                _told(new, context, answer, found) if new.room_id in locked else Held()
                for new, context, answer in zip(messages, contexts, decided, strict=True)
            ]
            slowed = {new.room_id for new, answer in zip(messages, answers, strict=True) if isinstance(answer, _Apart)}
            apart = [n for n, answer in enumerate(answers) if isinstance(answer, _Apart)]
            chosen = slow_mode.choose([(messages[n], contexts[n]) for n in apart])
            for n, refused in zip(apart, chosen, strict=True):
                answers[n] = refused
            done = _answered(messages, contexts, answers, now, wait=wait)
        newcomers.add(done, contexts, now)
        new_ones = new_messages(done)
        slow_mode.note_posted([message for message in new_ones if message.room_id in slowed], now)
        return extras.attached(messages, done, found)


def _told(new: NewMessage, context: PostContext, answer: Answer | None, found: extras.Found) -> Answer | None:
    """The answer with what refuses its extras, unless there is another one."""
    is_open = answer is None or isinstance(answer, _Apart)
    return (extras.refusal(new, context, found) if is_open else None) or answer


def _answered(
    messages: list[NewMessage], contexts: list[PostContext], answers: list[Answer | None], now: datetime, *, wait: bool
) -> list[Answer]:
    """Stores those that have no answer yet. Of each client id in this list one is stored, and the others repeat it."""
    firsts: dict[tuple[object, str], int] = {}
    wanted = []
    for n, new in enumerate(messages):
        if answers[n] is None and (new.client_id is None or firsts.setdefault(_key(new), n) == n):
            wanted.append(n)
    for n, answer in zip(wanted, _store([(messages[n], contexts[n]) for n in wanted], now, wait=wait), strict=True):
        answers[n] = answer
    return [answer or _repeat(new, answers[firsts[_key(new)]]) for new, answer in zip(messages, answers, strict=True)]


def _key(new: NewMessage) -> tuple[object, str]:
    return new.author_id, new.client_id or ""


def _decided(
    messages: list[NewMessage], contexts: list[PostContext], refusals: Refusals, now: datetime
) -> list[Answer | None]:
    """The answers to those that are not to be stored now."""
    blocked = blocks.blocked(messages, contexts)
    return [
        _known(new, context, now, blocked) or refusal or _slow(new, context)
        for new, context, refusal in zip(messages, contexts, refusals, strict=False)
    ]


def _slow(new: NewMessage, context: PostContext) -> Answer | None:
    access = context.access
    return _Apart() if access and access.slow_mode_s and is_slowed(access, MODERATES if new.moderates else ()) else None


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
    was_stream = new.stream and (first.stream or first.changed_seq > first.seq)  # one that has ended was changed
    is_changed = first.edited_at or first.deleted_at or was_stream
    if new.room_id != first.room_id or (new.content != first.content and not is_changed):
        return Conflict("This clientId was used for another message")
    return Repeated(*msgspec.structs.astuple(first))


def _store(accepted: list[tuple[NewMessage, PostContext]], now: datetime, *, wait: bool) -> list[Answer]:
    if not accepted:
        return []
    versions = [context.access.access_version if context.access else 0 for _, context in accepted]
    places: list[Placed | None] = storage.dialect().store([new for new, _ in accepted], versions, now, wait=wait)
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
