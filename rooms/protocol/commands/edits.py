"""Editing one's own messages, and reading what they said before."""

from rooms.protocol.commands.base import Command, MessageId, Names, RoomCommand, Seq


class EditMessage(RoomCommand, tag="edit-message"):
    """Replaces the text of one's own message, within CHAT_EDIT_WINDOW_S. Answer to an `id`: `ack`, with the message's
    `seq` and `changedSeq`; the same text changes nothing.

    With `ifChangedSeq`, the `changedSeq` of the message that the editor saw, an edit is refused with `conflict` when
    the text was edited since; the error's `current` is the message as it is now. `mentions` are as with a new message;
    without it only the text mentions somebody.
    """

    bucket = "changes"
    message_id: MessageId
    content: str
    if_changed_seq: Seq | None = None
    mentions: Names = []


class GetVersions(RoomCommand, tag="get-versions"):
    """As a moderator: what an edited message said before. Answer: `versions`."""

    bucket = "reads"
    message_id: MessageId


COMMANDS: tuple[type[Command], ...] = (EditMessage, GetVersions)
