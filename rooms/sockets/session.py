"""The user of a connection: signing in, expiry, and re-checking what they may do."""

import asyncio
from collections.abc import Callable
from functools import partial
from time import time

import structlog
from django.utils import timezone

from rooms import access, callers, database, guesses, scopes
from rooms.callers import Identity
from rooms.closes import AUTH_FAILED, BANNED, KICKED, SIGNED_OUT, TOKEN_EXPIRED, TOO_MANY_TRIES, Close
from rooms.errors import (
    AuthExpired,
    AuthRequired,
    Banned,
    ChatError,
    Disconnected,
    Forbidden,
    NoSuchRoom,
    RateLimited,
    Refused,
    Unavailable,
)
from rooms.live import node as process
from rooms.live import topics
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.live.presence import Online
from rooms.protocol.frames.rooms import RoomLeft
from rooms.protocol.frames.session import AuthExpiring, AuthFailed, AuthSuccess, SignedInUser
from rooms.sockets import admission, membership
from rooms.sockets.admission import NotAdmitted
from rooms.sockets.answers import error_frame
from rooms.storage import access_by_id

log = structlog.get_logger(__name__)
EXPIRY_WARNING_S = 60.0
MIN_RECHECK_S = 0.05  # between two readings of a session that is about to end
PUT_OUT = "You were removed from this room"
RECHECK_RETRY_S = 1.0  # while the database is away


async def authenticate(node: Node, connection: Connection, token: str, command_id: str | None = None) -> None:
    """Signs a connection in by a token; a bad one is answered with the reason and a close, as are too many."""
    read = partial(_by_token, address=connection.address, is_known=connection.identity is not None)
    try:
        await sign_in_by(node, connection, read, token, command_id)
    except AuthRequired as error:
        code = error.code if error.code == "auth-expired" else None
        connection.send(AuthFailed(id=command_id, message=error.message, code=code))
        connection.close(AUTH_FAILED)
    except Banned as error:
        connection.send(AuthFailed(id=command_id, message=error.message, code=error.code))
        connection.close(BANNED)
    except RateLimited as error:
        connection.send(error_frame(error, command_id))
        connection.close(TOO_MANY_TRIES)


def _by_token(token: str, *, address: str, is_known: bool) -> Identity:
    with guesses.token(address=address, door="socket", is_known=is_known):
        return callers.by_token(token)


async def sign_in_by_session(node: Node, connection: Connection, session_key: str) -> None:
    """Signs in by a cookie; who is banned is sent the reason, and closed."""
    try:
        await sign_in_by(node, connection, callers.by_session, session_key)
    except Banned as error:
        connection.send(error_frame(error))
        connection.close(BANNED)


async def sign_in_by(
    node: Node,
    connection: Connection,
    read: Callable[[str], Identity | None],
    proof: str,
    command_id: str | None = None,
) -> None:
    """Signs in the owner of a token or a session key; nobody when it has none."""
    changes = node.rights.changes
    identity = await database.call(read, proof)
    if identity is None:
        return
    if (refusal := await _sign_in(node, connection, identity)) is not None:
        refusal.answer(connection, command_id)
        return
    user = SignedInUser(identity.key, identity.username, list(identity.roles))
    connection.send(AuthSuccess(id=command_id, user=user))
    if node.rights.changes != changes:  # somebody's rights changed after the proof was read: maybe this user's
        await recheck(node, connection)


async def _sign_in(node: Node, connection: Connection, identity: Identity) -> NotAdmitted | None:
    """Makes the connection this user's, or replaces its token in place; Forbidden when it is another user's already."""
    if connection.identity is not None and connection.identity.key != identity.key:
        raise Forbidden("This connection belongs to another user")
    is_new = connection.identity is None
    if is_new and (refusal := admission.at_sign_in(node, identity.user_id)) is not None:
        return refusal
    connection.identity = identity
    _watch_expiry(node, connection, identity)
    if not is_new:
        return None
    node.hub.subscribe(topics.EVERYONE, connection)
    node.hub.activate(topics.EVERYONE, connection)
    return admission.signed_in(await node.presence.connect(_online(connection, identity)))


def _online(connection: Connection, identity: Identity) -> Online:
    return Online(identity.key, identity.username, timezone.now(), connection.address)


def _watch_expiry(node: Node, connection: Connection, identity: Identity) -> None:
    """Warns a connection a minute before its token expires, and closes it when it has expired.

    A session is read again at its end, which may have been put off meanwhile; nothing that the client sends renews it.
    """
    if connection.closing is not None:
        return
    if identity.expires_at is None:
        connection.set_timer(0, None)
        return

    if identity.read is callers.by_session:
        left_s = max(MIN_RECHECK_S, identity.expires_at - time())
        connection.set_timer(left_s, lambda: node.spawn(recheck(node, connection)))
        return

    def expire() -> None:
        connection.close(TOKEN_EXPIRED)

    def warn() -> None:
        left_s = max(0.0, (identity.expires_at or 0) - time())
        connection.send(AuthExpiring(in_ms=int(left_s * 1000)))
        connection.set_timer(left_s, expire)

    connection.set_timer(max(0.0, identity.expires_at - time() - EXPIRY_WARNING_S), warn)


# --- Re-checking ---------------------------------------------------------------------------------------------------
async def recheck(node: Node, connection: Connection) -> None:
    """Compares an open connection with the database: it goes on with today's roles and rooms, or is closed."""
    while connection.closing is None:
        try:
            await _recheck(node, connection)
        except Unavailable:
            log.warning("connection.recheck_put_off", user=connection.identity.user_id)
            await asyncio.sleep(RECHECK_RETRY_S)
        except ChatError as error:
            if isinstance(error, Banned | Disconnected):
                connection.send(error_frame(error))
            connection.close(_why(error))
        else:
            return


def _why(error: ChatError) -> Close:
    if isinstance(error, AuthExpired):
        return TOKEN_EXPIRED
    if isinstance(error, Disconnected):
        return KICKED
    return BANNED if isinstance(error, Banned) else SIGNED_OUT


async def _recheck(node: Node, connection: Connection) -> None:
    identity = None
    while connection.identity is not identity:  # another re-check was faster, maybe with older data
        identity = connection.identity
        today = await database.call(callers.refreshed, identity)
        if connection.identity is identity:
            is_renamed, expires_at = today.username != identity.username, identity.expires_at
            connection.identity = identity = today
            if today.read is callers.by_session or today.expires_at != expires_at:
                _watch_expiry(node, connection, today)
            if is_renamed:
                await node.presence.rename(today.key, today.username)
    with scopes.within(identity.scope if identity is not None else None):
        for name in list(connection.rooms):
            await _recheck_room(node, connection, name)


async def _recheck_room(node: Node, connection: Connection, name: str) -> None:
    room = connection.rooms.get(name)
    if room is None:
        return
    error: ChatError = NoSuchRoom()  # where another room has the name now
    try:
        today = await database.call(access.room, connection.identity.user_id, name)
        if today.room_id == room.room_id and today.kicked_at == room.kicked_at:
            if today.visible_from_seq > room.visible_from_seq and connection.rooms.get(name) is room:
                membership.limit(node, connection, today)
            return
        if today.room_id == room.room_id:
            error = Forbidden(PUT_OUT)
    except (Banned, Refused) as refusal:
        error = refusal
    except NoSuchRoom as refusal:
        state = await database.call(access_by_id, user_id=connection.identity.user_id, room_id=room.room_id)
        error = Forbidden(PUT_OUT) if state is not None and state.kicked_at != room.kicked_at else refusal
    if connection.rooms.get(name) is not room:
        return
    await membership.leave(node, connection, name)
    connection.send(error_frame(error))
    connection.send(RoomLeft(room_id=name))


def running() -> Node:
    """This process's node, started by the first call."""
    return process.running(recheck)
