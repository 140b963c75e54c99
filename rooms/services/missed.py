"""Messages that concern somebody, as they are sent or shown to them: notices, and what they have missed.

Each is checked against what they may read at that moment, by all rules of `access`.
"""

from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from django.utils import timezone

from rooms import access, storage
from rooms.access import Action, refusal
from rooms.errors import BadFrame, ChatError
from rooms.protocol.codec import encode
from rooms.protocol.commands.mentions import MISSED_DEFAULT, MISSED_MAX
from rooms.protocol.frames.marks import Unread
from rooms.protocol.frames.mentions import MentionNotice, MissedMessage
from rooms.services import marks, messages
from rooms.services.changes import message_frame, unquoted
from rooms.services.readable import Readable
from rooms.storage import Concerning, Recipient, StoredMessage
from rooms.storage.search import messages_by_id

READ_AT_ONCE = 100  # messages, of which some may be in rooms that the user may not read now
USERS_ASKED = 1_000  # by their keys; of more, as for `@room`, the room's members are read and compared
LAST_ID = 2**62


class Page(NamedTuple):
    mentions: list[MissedMessage]
    next: str | None  # the `before` of the next page
    rooms: list[Unread] | None  # on the first page


def missed(*, user_id: Any, before: str | None = None, limit: int = MISSED_DEFAULT) -> Page:
    """The newest messages that concern a user and that they have not read, and the rooms with anything unread.

    Raises BadFrame.
    """
    edge = LAST_ID if before is None else messages.key(before)
    if edge is None:
        raise BadFrame("`before` is the `next` of a page")
    limit, readable = min(limit, MISSED_MAX), Readable(user_id)
    found = _readable(user_id, edge, limit + 1, readable)
    shown = found[:limit]
    whole = readable.whole(messages_by_id([one.message_id for one in shown]))
    mentions = [
        MissedMessage(message_frame(whole[one.message_id]), one.why)  # type: ignore[arg-type]  # one of the three
        for one in shown
        if one.message_id in whole
    ]
    rooms = [room for room in marks.unread(user_id=user_id) if room.unread or room.mentions] if before is None else None
    return Page(mentions, str(shown[-1].message_id) if len(found) > limit else None, rooms)


def _readable(user_id: Any, before: int, limit: int, readable: Readable) -> list[Concerning]:
    """The newest ones in rooms that the user may read now. Another room is met once, however much is in it."""
    found: list[Concerning] = []
    hidden: set[int] = set()
    while len(found) < limit:
        some = storage.concerning(user_id=user_id, before=before, limit=READ_AT_ONCE, without=hidden)
        hidden |= {one.room_id for one in some if readable.above(one.room_id) is None}
        found += [one for one in some if one.room_id not in hidden]
        if len(some) < READ_AT_ONCE:
            break
        before = some[-1].message_id
    return found[:limit]


def notices(*, message_id: int, user_ids: AbstractSet[Any]) -> list[tuple[Any, bytes]]:
    """Those of these users who want a notice of this message and may read it now, each with the frame for them."""
    wanted = user_ids if len(user_ids) <= USERS_ASKED else None
    members = storage.recipients(message_id=message_id, user_ids=wanted)
    recipients = [one for one in members if one.user_id in user_ids and _may_read(one)]
    message = storage.message(message_id=message_id) if recipients else None
    if message is None:
        return []
    forms: dict[tuple[str, bool], bytes] = {}
    found = []
    for one in recipients:
        form = (one.why, _hides_quote(message, one))
        if form not in forms:
            forms[form] = _notice(message, *form)
        found.append((one.user_id, forms[form]))
    return found


def _may_read(recipient: Recipient) -> bool:
    if refusal(recipient, Action.READ, timezone.now()):
        return False
    if not access.is_leased(recipient):
        return True
    try:
        access.entry_by_id(recipient.user_id, recipient.room_id)
    except ChatError:  # also where it cannot be decided now: the others get theirs
        return False
    return True


def _hides_quote(message: StoredMessage, recipient: Recipient) -> bool:
    seq = message.quote.seq if message.quote is not None else None
    return seq is not None and seq <= recipient.visible_from_seq


def _notice(message: StoredMessage, why: Any, hides_quote: bool) -> bytes:
    frame = message_frame(message)
    return encode(MentionNotice(message=unquoted(frame) if hides_quote else frame, why=why))
