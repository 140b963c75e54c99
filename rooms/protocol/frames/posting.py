"""A message that was just stored."""

from rooms.protocol.frames.attachments import Attachment
from rooms.protocol.frames.base import Frame, UserRef
from rooms.protocol.frames.reactions import ReactionKind
from rooms.protocol.frames.replies import ReplyTo
from rooms.protocol.frames.system import RoomEvent


class Message(Frame):
    """One stored message. `seq` orders a room's messages; `changedSeq` is above it once the message was changed.

    `reactions` are in the order of their first use. `replyTo` is the message that this one answers. In pages of
    history, `replyCount` says how many answer this one, of which the last has the seq `lastReplySeq`. With the `kind`
    `action` it is what its author does, as by `/me`; with `system` the room itself says that something was changed, by
    `user`: `event` has its `name` and what belongs to it.
    While `streaming`, the text comes in pieces by `message-append`, and `content` is empty; the whole comes by
    `message-edited`, `interrupted` when its bot has not ended it.
    """

    room_id: str
    user: UserRef
    content: str
    timestamp: str
    message_id: str
    seq: int
    changed_seq: int
    client_id: str | None = None
    edited_at: str | None = None
    reactions: list[ReactionKind] | None = None
    reply_to: ReplyTo | None = None
    reply_count: int | None = None
    last_reply_seq: int | None = None
    pinned_at: str | None = None
    mentions: list[UserRef] | None = None
    mentions_room: bool | None = None
    attachments: list[Attachment] | None = None
    kind: str | None = None
    event: RoomEvent | None = None
    bot: bool | None = None
    streaming: bool | None = None
    interrupted: bool | None = None


class ChatMessage(Message, tag="chat-message"):
    __doc__ = Message.__doc__


class RoomMessage(Message, tag="room-message"):
    """The same, sent under the older name."""


FRAMES: tuple[type[Frame], ...] = (ChatMessage, RoomMessage)
