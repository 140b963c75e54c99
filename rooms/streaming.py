"""Posting a text that is still being written, by a project's own code; from async code with `a` before the name."""

from collections.abc import AsyncIterable, Iterable
from typing import Any

from asgiref.sync import sync_to_async
from django.db.models import Model

from rooms import access, callers
from rooms.errors import StreamOver
from rooms.models import Room
from rooms.project import name_of
from rooms.services.stream_writing import Writer
from rooms.storage import StoredMessage


def stream_message(
    room: Room | Model | str,
    user: Any,
    chunks: Iterable[str],
    *,
    client_id: str | None = None,
    reply_to: StoredMessage | None = None,
) -> StoredMessage:
    """Posts in the name of a bot, and shows its text as it comes; answers the message when all of it is there.

    `chunks` are pieces of the text, such as what a language model answers; an empty one says that more will come, which
    is to be said within CHAT_STREAM_IDLE_S. When they raise, the message ends as interrupted and the error goes on.
    When somebody stops the message, no more of them are taken, and it is answered as it was left. A generator is closed
    in any case. Call it outside of a
    transaction: nothing is shown before its commit.

    Raises Forbidden for a user who is no bot, and what `post_message` raises.
    """
    writer = _writer(room, user, client_id, reply_to)
    try:
        for chunk in chunks:
            if writer.add(chunk):
                writer.flush()
        return writer.end()
    except BaseException as error:
        if close := getattr(chunks, "close", None):
            close()
        if isinstance(error, StreamOver):
            return writer.message()
        writer.interrupt()
        raise


async def astream_message(
    room: Room | Model | str,
    user: Any,
    chunks: AsyncIterable[str],
    *,
    client_id: str | None = None,
    reply_to: StoredMessage | None = None,
) -> StoredMessage:
    """The same of pieces that come by `async for`."""
    writer = await sync_to_async(_writer)(room, user, client_id, reply_to)
    try:
        async for chunk in chunks:
            if writer.add(chunk):
                await sync_to_async(writer.flush)()
        return await sync_to_async(writer.end)()
    except BaseException as error:
        if close := getattr(chunks, "aclose", None):
            await close()
        if isinstance(error, StreamOver):
            return await sync_to_async(writer.message)()
        await sync_to_async(writer.interrupt)()
        raise


def _writer(room: Room | Model | str, user: Any, client_id: str | None, reply_to: StoredMessage | None) -> Writer:
    found = access.room(user.pk, name_of(room))
    answers = reply_to.id if reply_to is not None else None
    return Writer(actor=callers.actor(user, "code"), room=found, client_id=client_id, reply_to=answers)
