"""Messages whose text comes in pieces, by bots."""

from rooms.protocol.commands.base import Command, Id, MessageId, RoomCommand, Seq


class StartMessage(RoomCommand, tag="message-start"):
    """As a bot: posts a message to a joined room whose text follows by `message-append`. Answer: `ack`, whose `offset`
    is where the text goes on, 0 unless the `clientId` was used before.

    The room is sent a `chat-message` that is `streaming` and has no content yet. Whoever wrote the message of `replyTo`
    may stop it. A bot writes CHAT_MAX_OPEN_STREAMS messages at once at most (`conflict`).
    """

    bucket = "messages"  # and "room-messages"
    client_id: Id | None = None
    reply_to: MessageId | None = None


class AppendMessage(RoomCommand, tag="message-append"):
    """Appends to the text of one's own message in a joined room. Answer to an `id`: `ack`, after it is stored, whose
    `offset` is where the next piece begins.

    `offset` counts Unicode characters (code points; in JavaScript `Array.from(text).length`). What was sent before is
    accepted again if it is the same text, so a bot that reconnects goes on, on any process. For a gap, or another text,
    the `conflict` has the present `offset`. An empty text says only that more will come: without any for
    CHAT_STREAM_IDLE_S the message is ended as interrupted. Afterwards the answer is `stream-over`.
    """

    bucket = "appends"
    in_order = False  # `offset` keeps their order
    message_id: MessageId
    offset: Seq
    text: str


class EndMessage(RoomCommand, tag="message-end"):
    """Ends one's own message: its text is the message's `content` from now on, or with `interrupted` as much as there
    is of it. Answer to an `id`: `ack`, with the message's `seq` and `changedSeq`; one that has ended so stays as it is.

    The word filter and the project's hooks see the whole text now; where they refuse it, the message is interrupted:
    with what the filter allowed, or where a hook refuses, without any text.
    """

    bucket = "changes"
    message_id: MessageId
    interrupted: bool = False


class StopMessage(RoomCommand, tag="message-stop"):
    """Ends a message that a bot is writing, as interrupted: for whoever wrote the message that it answers, and for
    moderators. Answer to an `id`: `ack`, as for `message-end`; `stream-over` when it has ended already.
    """

    bucket = "changes"
    message_id: MessageId


class GetStream(RoomCommand, tag="get-stream"):
    """The text so far of a message that is being written, from `offset` on. Answer: `stream`; `stream-over` when it
    has ended: the whole message has come by `message-edited`.
    """

    bucket = "reads"
    message_id: MessageId
    offset: Seq = 0


COMMANDS: tuple[type[Command], ...] = (StartMessage, AppendMessage, EndMessage, StopMessage, GetStream)
