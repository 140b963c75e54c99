"""What a project's own code calls, from a view, a signal, a task, a shell; from async code with `a` before the name.

Each is part of the caller's transaction: nothing is sent before its commit, and nothing after a rollback.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.core.files import File
from django.db.models import Model

from rooms import access, callers, people, storage
from rooms.callers import CODE, Actor
from rooms.conf import conf
from rooms.errors import BadFrame, NoSuchRoom, TooLarge
from rooms.live import control, roster
from rooms.live.control import Notification
from rooms.models import Attachment, Room
from rooms.protocol.codec import encode
from rooms.protocol.frames.announcements import Notification as NotificationFrame
from rooms.services import (
    bots,
    deletions,
    direct,
    edits,
    marks,
    members,
    moderation,
    pins,
    posting,
    reactions,
    rights,
    rooms,
    server_bans,
    typing,
    uploads,
)
from rooms.services import missed as missing
from rooms.services.missed import Page as MissedPage
from rooms.services.publishing import publish_after_commit
from rooms.storage import RoomAccess, StoredMessage


def room_for(obj: Model, *, permission: str = "") -> Room:
    """The room of an object, made if there is none. Who has `permission` for the object may enter and read.

    By default `<app>.view_<model>`; asked of the project's own backends as `user.has_perm(permission, obj)`.
    """
    return rooms.room_for(obj, permission=permission)


def post_message(
    room: Room | Model | str,
    user: Any,
    text: str,
    *,
    client_id: str | None = None,
    reply_to: StoredMessage | None = None,
    mentions: Iterable[Any] = (),
    attachments: Collection[Attachment] = (),
) -> StoredMessage:
    """Posts in this user's name. `room` is a room, its name, or the object it belongs to.

    Raises NoSuchRoom, Banned, Muted, Forbidden, BadFrame, TooLarge as for a client (`rooms.errors`). A repeated
    `client_id` posts nothing and answers the first message. `reply_to` is a message of this room that this one answers;
    NoSuchMessage. `mentions` are users whom it mentions besides those named in the text; they have to be members.
    `attachments` are what `upload` has answered; with one of them the text may be empty.
    """
    found, bot = access.room(user.pk, name_of(room)), bots.of_user(user.pk)
    return posting.post_message(
        room_id=found.room_id,
        author_id=user.pk,
        content=text,
        client_id=client_id,
        reply_to=reply_to.id if reply_to is not None else None,
        names=[people.reference(one) for one in mentions],
        attachments=[one.pk for one in attachments],
        roles=callers.roles(user),
        bot=bot is not None,
        bot_mentions=bot is not None and bot.may_mention,
    )


def upload(user: Any, file: "File[Any]", *, name: str = "") -> Attachment:
    """Stores a file in this user's name, by the rules for a client; `post_message` then sends it, once.

    Raises Forbidden, TooLarge, RateLimited for more than a day's bytes, InvalidAttachment, Unavailable.
    """
    return uploads.upload(user_id=user.pk, file=file, name=name or file.name or "", size=file.size)


def edit_message(message: StoredMessage, user: Any, text: str, *, mentions: Iterable[Any] = ()) -> StoredMessage:
    """Edits a message in the name of its author, by the rules for a client. The same text changes nothing. It mentions
    those named in the text and the users in `mentions`.

    Raises Forbidden, NoSuchMessage, EditWindowOver and what `post_message` raises.
    """
    actor, name = callers.actor(user, "code"), message.room_name
    names = [people.reference(one) for one in mentions]
    return edits.edit_message(actor=actor, name=name, message_id=str(message.id), content=text, names=names)


def react(message: StoredMessage, user: Any, emoji: str, *, on: bool = True) -> None:
    """Sets an emoji at a message in this user's name, or takes it away, by the rules for a client.

    Raises BadFrame, NoSuchMessage, Muted, Conflict and so on.
    """
    actor, name = callers.actor(user, "code"), message.room_name
    reactions.react(actor=actor, name=name, message_id=str(message.id), emoji=emoji, on=on)


def delete_message(message: StoredMessage, *, by: Any = None, reason: str = "") -> bool:
    """Deletes a message, as somebody or as the site's code, which know whether they may; False when it is deleted."""
    return deletions.erase(actor=_actor(by), message=message, reason=reason)


def pin_message(message: StoredMessage, *, on: bool = True, by: Any = None) -> StoredMessage:
    """Pins a message, or takes its pin away, as somebody or as the site's code, which know whether they may.

    Raises NoSuchMessage, and Conflict when the room takes no more pins.
    """
    return pins.set_pinned(actor=_actor(by), message=message, on=on)


def add_member(room: Room | Model | str, user: Any) -> bool:
    """Makes a person a member of a room, also of a private one; False when they are one already. Raises NoSuchRoom."""
    return members.add_member(actor=CODE, room=_access(room, user), user_id=user.pk)


def remove_member(room: Room | Model | str, user: Any) -> bool:
    """Ends a membership; False when there is none. Raises NoSuchRoom, and Conflict for the last owner."""
    return members.remove_member(actor=CODE, room=_access(room, user), user_id=user.pk)


def open_direct(user: Any, *others: Any) -> Room:
    """The direct room of these people, made in the name of the first if there is none. Raises Blocked, NoSuchUser."""
    actor = callers.actor(user, "code")
    return Room.objects.get(pk=direct.open_with(actor=actor, user_ids=[one.pk for one in others]).room_id)


def mark_read(room: Room | Model | str, user: Any, seq: int) -> int:
    """As this member: all up to `seq` was read; answers how far they have read now. Raises NoSuchRoom, Forbidden."""
    actor = callers.actor(user, "code")
    return marks.mark_one_read(actor=actor, name=name_of(room), seq=seq, counts=roster.member_counts).seq


def mark_unread(room: Room | Model | str, user: Any, seq: int) -> int:
    """As this member: what is above `seq` is not read; answers how far they have read now."""
    return marks.mark_unread(actor=callers.actor(user, "code"), name=name_of(room), seq=seq).seq


def unread(user: Any) -> dict[str, int]:
    """How many messages this user has not read, of each room they are a member of, by its name; 100 stands for more."""
    return {room.room_id: room.unread for room in marks.unread(user_id=user.pk)}


def missed(user: Any) -> MissedPage:
    """The newest messages that concern this user and that they have not read, and the rooms with anything unread."""
    return missing.missed(user_id=user.pk)


def show_typing(room: Room | Model | str, user: Any, *, on: bool = True) -> None:
    """Shows those in the room that this user is typing, for CHAT_TYPING_S; raises what would refuse their message."""
    actor = callers.actor(user, "code")
    typing.show_typing(actor=actor, name=name_of(room), on=on, counts=roster.member_counts)


def notify(user: Any, event: str, data: Any = None) -> None:
    """Sends a `notification` frame to every open page and socket of this user. It is not stored.

    `data` is what JSON can say; raises BadFrame for anything else, TooLarge over CHAT_MAX_FRAME_BYTES.
    """
    try:
        frame = encode(NotificationFrame(event=event, data=data))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadFrame(f"A notification's data must be JSON: {error}") from None
    if 0 < conf.CHAT_MAX_FRAME_BYTES < len(frame):
        raise TooLarge(f"A notification is over {conf.CHAT_MAX_FRAME_BYTES} bytes")
    publish_after_commit(lambda: [control.event(Notification(str(user.pk), frame.decode()))])


def moderate(room: Room | Model | str, user: Any, action: str, *, by: Any = None, **options: Any) -> None:
    """Acts on a user in a room: `kick`, `mute`, `unmute`, `ban`, `unban`, `remove`, `role`; with `until`, `role`,
    `reason`. It is in the audit log, as `by` somebody or as the site's code; whether they may is the caller's to know.

    Raises NoSuchRoom, NoSuchUser, Conflict.
    """
    moderation.act(actor=_actor(by), room_id=_access(room, user).room_id, user_id=user.pk, action=action, **options)


def ban(user: Any, *, until: datetime = moderation.FOREVER, reason: str = "", by: Any = None) -> None:
    """Keeps a user out of the whole chat until then, and closes what they have open."""
    server_bans.ban_from_server(actor=_actor(by), user_id=user.pk, until=until, reason=reason)


def unban(user: Any, *, by: Any = None) -> None:
    """Lets a user into the chat again."""
    server_bans.unban_from_server(actor=_actor(by), user_id=user.pk)


def disconnect(user: Any, *, reason: str = "", by: Any = None) -> None:
    """Closes all connections of a user, who may come back."""
    server_bans.disconnect(actor=_actor(by), user_id=user.pk, reason=reason)


def _actor(user: Any) -> Actor:
    return CODE if user is None else callers.actor(user, "code")


def recheck(user: Any) -> None:
    """Asks again at once what this user may do, in every process; else it is asked at the next lease."""
    rights.announce([user.pk])


def name_of(room: Room | Model | str) -> str:
    """The name of a room, given as what the calls here take."""
    if isinstance(room, str):
        return room
    return room.name if isinstance(room, Room) else room_for(room).name


def _access(room: Room | Model | str, user: Any) -> RoomAccess:
    found = storage.access_by_name(user_id=user.pk, name=name_of(room))
    if found is None:
        raise NoSuchRoom
    return found


aadd_member = sync_to_async(add_member)
aremove_member = sync_to_async(remove_member)
aroom_for = sync_to_async(room_for)
aupload = sync_to_async(upload)
apost_message = sync_to_async(post_message)
aedit_message = sync_to_async(edit_message)
adelete_message = sync_to_async(delete_message)
apin_message = sync_to_async(pin_message)
areact = sync_to_async(react)
amark_read, amark_unread = sync_to_async(mark_read), sync_to_async(mark_unread)
aopen_direct = sync_to_async(open_direct)
ashow_typing = sync_to_async(show_typing)
aunread, amissed = sync_to_async(unread), sync_to_async(missed)
anotify = sync_to_async(notify)
arecheck = sync_to_async(recheck)
amoderate = sync_to_async(moderate)
aban, aunban = sync_to_async(ban), sync_to_async(unban)
adisconnect = sync_to_async(disconnect)
