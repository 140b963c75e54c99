"""One socket: a lean receive loop, decode, dispatch, reply, clean up. What a command does is in sockets.commands.

The loop takes the place of Channels' dispatch, which visits a thread before every frame and every event (100-180 us):
here events come through the hub, and all ORM work goes through rooms.database.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from time import monotonic
from typing import Any, cast
from urllib.parse import parse_qs

import structlog
from channels.consumer import AsyncConsumer
from django.utils import timezone

from monitoring import metrics, request_ids
from rooms import hooks, scopes
from rooms.closes import OVERLOADED, SIGN_IN_TIMEOUT, TOO_BIG
from rooms.conf import conf
from rooms.errors import AuthRequired, BadFrame, ChatError, Internal, RateLimited, TooLarge, Unavailable
from rooms.live.connection import Connection, FrameSocket
from rooms.live.node import Node
from rooms.protocol.codec import CommandError, decode
from rooms.protocol.commands.base import Command
from rooms.protocol.frames.session import Error, Welcome
from rooms.protocol.rules import accepted, timestamp
from rooms.sockets import admission, handshake, membership, session
from rooms.sockets.answers import refuse
from rooms.sockets.commands import HANDLERS
from rooms.sockets.rates import SocketRates

log = structlog.get_logger(__name__)
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class ChatConsumer(AsyncConsumer):
    """Serves `/ws` and `/chat` on any ASGI server."""

    node: Node
    connection: Connection
    rates: SocketRates
    is_busy = False  # a command is being handled: later ones wait for it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        headers = handshake.headers_of(scope)
        if status := handshake.refusal(scope, headers):
            await handshake.refuse(scope, send, status=status)
            return
        self.node = session.running()
        if self.node.draining:
            # A proxy then asks another process.
            await handshake.refuse(scope, send, status=503, headers=[(b"retry-after", b"1")])
            return
        await send({"type": "websocket.accept"})
        socket = cast(FrameSocket | None, scope.get("extensions", {}).get("chat.frames"))
        self.connection = _connection(scope, send, socket)
        self.rates = SocketRates(self.node.rates, self.connection)
        structlog.contextvars.bind_contextvars(connection=self.connection.id)
        metrics.connection_opened()
        opened, code = monotonic(), 1006
        try:
            self.node.connections[self.connection.id] = self.connection
            admission.opened(self.node, self.connection)
            await self._open(scope, headers)
            if socket is not None:
                socket.on_text = self._take
            code = await self._serve(receive)
        except asyncio.CancelledError:
            if self.connection.closing is None:
                raise
            code = self.connection.closing.code  # the peer did not answer our close, and was disconnected
        finally:
            del self.node.connections[self.connection.id]
            admission.closed(self.node, self.connection)
            await membership.disconnect(self.node, self.connection)
            metrics.connection_closed(code)
            self._log("socket.closed", code=code, seconds=round(monotonic() - opened, 3))

    async def _open(self, scope: Scope, headers: Mapping[str, str]) -> None:
        self._log("socket.opened", address=self.connection.address, request=request_ids.request_id(scope))
        if 0 < conf.CHAT_MAX_CONNECTIONS < len(self.node.connections):
            refusal = Unavailable(OVERLOADED.reason)  # not counted as failed: too many clients are no server error
            self.connection.send(Error(message=refusal.message, code=refusal.code, retryable=True))
            self.connection.close(OVERLOADED)
            return
        if (not_admitted := admission.at_handshake(self.node, self.connection)) is not None:
            not_admitted.answer(self.connection)
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        self.connection.accepts = accepted(",".join(query.get("accept", [])).split(","))
        now = timestamp(timezone.now())
        self.connection.send(Welcome(message="Welcome to the chat", timestamp=now, server_time=now))
        try:
            await self._sign_in_at_handshake(headers)
        except ChatError as error:
            refuse(self.connection, error, None)
        self._expect_sign_in()

    def _expect_sign_in(self) -> None:
        """A guest has some seconds to sign in."""
        if self.connection.identity is None and self.connection.closing is None and conf.CHAT_SIGN_IN_S:
            self.connection.set_timer(conf.CHAT_SIGN_IN_S, partial(self.connection.close, SIGN_IN_TIMEOUT))

    async def _sign_in_at_handshake(self, headers: Mapping[str, str]) -> None:
        """By the `Authorization` header a program sends, or by the cookie a browser sends from an allowed page."""
        if token := handshake.bearer(headers):
            await session.authenticate(self.node, self.connection, token)
        elif (key := handshake.session_key(headers)) and handshake.is_allowed_origin(headers):
            await session.sign_in_by_session(self.node, self.connection, key)

    async def _serve(self, receive: Receive) -> int:
        """Handles one frame after the other until the socket closes; answers with the close code."""
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return event.get("code") or 1005
            if self.connection.closing is None:
                self.is_busy = True
                await self._handle(event.get("text"))
                self.is_busy = False

    async def _handle(self, text: str | None) -> None:
        metrics.received()
        scopes.enter(self.connection.identity.scope if self.connection.identity is not None else None)
        command_id = None
        try:
            command = self._decode(text)
            command_id = command.id
            await self._dispatch(command)
        except Exception as error:  # noqa: BLE001 - `_refuse` distinguishes them
            self._refuse(error, command_id)

    async def _dispatch(self, command: Command) -> None:
        self._check(command)
        if command.in_order:
            await self.connection.settled()
            await self.connection.drained()
        elif self.connection.is_full:
            await self.connection.settled()  # stops reading, so that only this sender's own messages wait
        if (answering := HANDLERS[type(command)](self.node, self.connection, command)) is not None:
            await answering

    def _take(self, text: str) -> bool:
        """Handles a command that waits for nothing as soon as it is read; False: it must be queued."""
        if self.is_busy or self.connection.closing is not None or self.connection.is_full:
            return False
        try:
            command = self._decode(text)
        except CommandError:
            return False
        if command.in_order or command.may_wait or hooks.decide_posts():
            return False
        metrics.received()
        try:
            self._check(command)
            HANDLERS[type(command)](self.node, self.connection, command)
        except Exception as error:  # noqa: BLE001 - `_refuse` distinguishes them
            self._refuse(error, command.id)
        return True

    def _check(self, command: Command) -> None:
        self.rates.spend(command)
        if self.connection.identity is None and not command.before_auth:
            raise AuthRequired

    def _refuse(self, error: Exception, command_id: str | None) -> None:
        if isinstance(error, CommandError):
            command_id, error = error.command_id, self.rates.frame_refusal() or error.error
        elif not isinstance(error, ChatError):
            log.error("socket.failed", connection=self.connection.id, exc_info=error)
            error = Internal()
        refuse(self.connection, error, command_id)
        if isinstance(error, RateLimited):
            self.rates.violated()
        elif isinstance(error, Unavailable):
            self._expect_sign_in()  # a guest who could not be let in is to try again

    def _decode(self, text: str | None) -> Command:
        if text is None:
            raise CommandError(BadFrame("Frames are text; binary ones are not served"))
        limit = conf.CHAT_MAX_FRAME_BYTES
        if 0 < limit < len(text) or (0 < limit < 3 * len(text) and len(text.encode()) > limit):
            # The project's own servers close before this; it is for any other ASGI server.
            self.connection.close(TOO_BIG)
            raise CommandError(TooLarge(f"The frame is over {limit} bytes"))
        return decode(text)

    def _log(self, event: str, **fields: Any) -> None:
        user = self.connection.identity.user_id if self.connection.identity else None
        log.info(event, connection=self.connection.id, user=user, **fields)


def _connection(scope: Scope, send: Send, socket: FrameSocket | None) -> Connection:
    task = cast("asyncio.Task[None]", asyncio.current_task())
    return Connection(
        send,
        limit_bytes=conf.CHAT_OUTBOX_BYTES,
        compress_bytes=conf.CHAT_COMPRESS_MIN_BYTES,
        max_pending=conf.CHAT_MAX_PENDING_MESSAGES,
        on_cut=task.cancel,
        socket=socket,
        address=(scope.get("client") or ("", 0))[0],
    )
