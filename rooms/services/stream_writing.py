"""A message that the project's own code writes in pieces, such as the answer of a language model, as it comes."""

from contextlib import suppress
from time import monotonic
from typing import Any

from rooms import storage
from rooms.callers import Actor
from rooms.conf import conf
from rooms.errors import ChatError, NoSuchMessage
from rooms.services import stream_parts, streams
from rooms.services.posting import post_new
from rooms.services.stream_starts import new_stream
from rooms.storage import RoomAccess, StoredMessage


class Writer:
    """Posts the message, and writes its pieces no more often than CHAT_STREAM_FRAMES a second."""

    def __init__(
        self, *, actor: Actor, room: RoomAccess, client_id: str | None = None, reply_to: int | None = None
    ) -> None:
        """Raises Forbidden for who is no bot, and what refuses a message."""
        self._actor, self._room, self._moderates = actor, room, "moderator" in actor.roles
        new = new_stream(
            room_id=room.room_id,
            author_id=actor.user_id,
            client_id=client_id,
            reply_to=reply_to,
            moderates=self._moderates,
        )
        self._id = post_new(new).id
        self._offset, self._waiting, self._next = 0, "", 0.0

    def add(self, text: str) -> bool:
        """Takes a piece in; answers whether it is time for `flush`."""
        self._waiting += text
        return monotonic() >= self._next

    def flush(self) -> None:
        """Writes what waits. Raises StreamOver when the message was ended meanwhile, and what refuses a piece."""
        part = self._part(self._waiting)
        self._offset, self._waiting = streams.append_one(part).offset, ""
        self._next = monotonic() + (1 / conf.CHAT_STREAM_FRAMES if conf.CHAT_STREAM_FRAMES else 0)

    def end(self) -> StoredMessage:
        """Writes what waits, and ends the message. Raises the same."""
        if self._waiting:
            self.flush()
        return self._end(interrupted=False)

    def interrupt(self) -> None:
        """Ends the message with what is there, as far as its author may: what has failed is not hidden by that."""
        with suppress(ChatError):
            if self._waiting:
                self.flush()
        with suppress(ChatError):
            self._end(interrupted=True)

    def _end(self, *, interrupted: bool) -> StoredMessage:
        return streams.end(
            actor=self._actor, name=self._room.name, message_id=str(self._id), interrupted=interrupted
        )  # fmt: skip

    def message(self) -> StoredMessage:
        """As it is now; raises NoSuchMessage when it is gone."""
        found = storage.message(message_id=self._id)
        if found is None:
            raise NoSuchMessage
        return found

    def _part(self, text: str) -> Any:
        return stream_parts.new_part(
            room_id=self._room.room_id,
            author_id=self._actor.user_id,
            message_id=str(self._id),
            offset=self._offset,
            text=text,
            moderates=self._moderates,
        )
