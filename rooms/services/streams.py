"""Messages that are being written: appended to, read meanwhile, ended by their bot, stopped by who asked for them.

While one is open its text is in parts beside it, and the message has none.
"""

from collections.abc import Sequence
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from rooms import access
from rooms.access import Action, refusal
from rooms.callers import Actor
from rooms.errors import ChatError, Forbidden, NoSuchMessage, StreamOver
from rooms.live.events import Event
from rooms.models import Message, Stream
from rooms.protocol.frames.streams import StreamText
from rooms.services import audit, messages, stream_ends, stream_parts
from rooms.services.changes import INTERRUPTED, OPEN
from rooms.services.publishing import publish_after_commit
from rooms.services.stream_parts import Answer, Appended, NewPart, Written
from rooms.storage import Repeated, RoomAccess, StoredMessage

log = structlog.get_logger(__name__)


# --- Appending --------------------------------------------------------------------------------------------------------
def append(parts: Sequence[NewPart]) -> tuple[list[Answer], list[Event]]:
    """Stores pieces of texts, and answers each; the events are to be published. A text with a phrase that is not
    allowed ends as interrupted, without what is new.
    """
    written = stream_parts.write(parts)
    _end_refused(written)
    return written.answers, written.events


def append_one(part: NewPart) -> Appended:
    """The same for one piece, which is published after the commit; raises what refuses it."""
    with transaction.atomic():
        written = stream_parts.write([part])
        publish_after_commit(lambda: written.events)
    _end_refused(written)
    [answer] = written.answers
    if isinstance(answer, ChatError):
        raise answer
    return answer


def _end_refused(written: Written) -> None:
    """What is written stays so even when this fails: then the silence of the bot ends it."""
    for message_id, verdict in written.refused.items():
        try:
            stream_ends.finish(message_id, interrupted=True, verdict=verdict)
        except ChatError as error:
            log.warning("streams.not_ended", message=message_id, code=error.code)


def own_part(*, actor: Actor, name: str, message_id: str, offset: int, text: str) -> NewPart:
    """What somebody appends by a request; raises NoSuchRoom, Banned, Muted, Forbidden, BadFrame, NoSuchMessage."""
    room = access.authorize(actor, name, Action.EDIT)
    return stream_parts.new_part(
        room_id=room.room_id,
        author_id=actor.user_id,
        message_id=message_id,
        offset=offset,
        text=text,
        moderates="moderator" in actor.roles,
    )


# --- Reading ----------------------------------------------------------------------------------------------------------
def read(*, actor: Actor, name: str, message_id: str, offset: int = 0) -> StreamText:
    """The text so far, from an offset on. Raises NoSuchRoom, Banned, NoSuchMessage, StreamOver."""
    room = access.authorize(actor, name, Action.READ)
    found = _open(room, message_id)
    text = stream_parts.text(found.id)
    offset = min(offset, len(text))
    return StreamText(room_id=room.name, message_id=str(found.id), seq=found.seq, offset=offset, text=text[offset:])


def length(message: StoredMessage) -> int:
    """How many characters there are of a message that was begun just now, or before under the same client id."""
    if not isinstance(message, Repeated):
        return 0
    found = Stream.objects.filter(pk=message.id).values_list("length", flat=True).first()
    return len(message.content) if found is None else found


def open_texts(room: RoomAccess) -> list[Event]:
    """All so far of each text that is being written in a room, for who has just joined it."""
    streams = list(Stream.objects.filter(room_id=room.room_id).select_related("message", "room"))
    seen = {stream.pk: stream for stream in streams if stream.message.seq > room.visible_from_seq}
    found = stream_parts.texts(seen.keys()) if seen else {}
    return [stream_parts.event(seen[message_id], 0, text) for message_id, text in found.items()]


def _open(room: RoomAccess, message_id: str) -> StoredMessage:
    found = messages.find(room, message_id)
    if found.stream != OPEN:
        raise StreamOver
    return found


# --- Ending -----------------------------------------------------------------------------------------------------------
def end(*, actor: Actor, name: str, message_id: str, interrupted: bool = False) -> StoredMessage:
    """By its author: the message has its text now; one that has ended so stays as it is.

    Raises NoSuchRoom, Banned, NoSuchMessage, Forbidden, StreamOver for one that was interrupted meanwhile, and what the
    hooks or the filter refuse with: it is interrupted then.
    """
    room = access.authorize(actor, name, Action.READ)
    found = messages.find(room, message_id)
    if found.author_id != actor.user_id:
        raise Forbidden("Only its author ends a message")
    ended, error = stream_ends.finish(found.id, interrupted=interrupted) if found.stream == OPEN else (found, None)
    if ended is None:
        raise NoSuchMessage
    if ended.stream == INTERRUPTED and not interrupted:
        raise error or StreamOver()
    return ended


def stop(*, actor: Actor, name: str, message_id: str) -> StoredMessage:
    """By who asked, or a moderator: the message is interrupted.

    Raises NoSuchRoom, Banned, NoSuchMessage, Forbidden, StreamOver.
    """
    room = access.authorize(actor, name, Action.READ)
    found = _open(room, message_id)
    is_mine = actor.user_id in (found.author_id, _asker(found.id))
    if not is_mine and (error := refusal(room, Action.STOP, timezone.now(), actor.roles)):
        raise error

    def note(message: Message) -> None:
        if not is_mine:
            details: dict[str, Any] = {"messageId": str(message.pk), "seq": message.seq}
            audit.record(actor, "stop-message", room=message.room, target_id=message.author_id, **details)

    ended, _ = stream_ends.finish(found.id, interrupted=True, note=note)
    if ended is None:
        raise StreamOver
    return ended


def _asker(message_id: int) -> Any:
    return Stream.objects.filter(pk=message_id).values_list("asker_id", flat=True).first()
