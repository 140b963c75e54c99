"""Posting a message to a room."""

from rooms.protocol.commands.base import AttachmentIds, Command, Id, MessageId, Names, RoomCommand


class SendMessage(RoomCommand):
    """Posts a message to a joined room. Answer to an `id`: `ack`, after the message is stored.

    `replyTo` is the `messageId` of a message that this one answers. Threads have one level: a reply to a reply is in
    the thread of the first message. `mentions` are usernames of members whom it mentions besides those named in the
    text, `@name`; others are not mentioned. `attachments` are the ids of files that the sender has uploaded; with
    one of them the text may be empty.
    """

    bucket = "messages"  # and "room-messages"
    in_order = False  # the write queue keeps their order
    content: str
    client_id: Id | None = None
    reply_to: MessageId | None = None
    mentions: Names = []
    attachments: AttachmentIds = []

    @property
    def may_wait(self) -> bool:
        return self.content.startswith("/")  # it may be a slash command


class SendChatMessage(SendMessage, tag="chat-message"):
    __doc__ = SendMessage.__doc__


class SendRoomMessage(SendMessage, tag="room-message"):
    """The same under its older name; the event then is `room-message`."""


COMMANDS: tuple[type[Command], ...] = (SendChatMessage, SendRoomMessage)
