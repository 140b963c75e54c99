"""One socket: a lean receive loop, decode, dispatch, reply, clean up. What a command does is in handlers.

The loop takes the place of Channels' dispatch, which hops to a thread before every frame and every event (100-180 us):
here events come through the hub, and all ORM work goes through chatsite.database.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic, time
from typing import Any, cast
from urllib.parse import parse_qs

import structlog
from channels.consumer import AsyncConsumer
from django.conf import settings
from django.utils import timezone

from accounts import authentication
from chatsite.closes import OVERLOADED, TOO_BIG
from chatsite.errors import AuthRequired, BadFrame, ChatError, Internal, TooLarge, Unavailable
from monitoring import metrics
from rooms import attendance, handlers, protocol
from rooms.delivery.connection import Connection, FrameSocket
from rooms.node import Node
from rooms.sockets import handshake

log = structlog.get_logger(__name__)
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class ChatConsumer(AsyncConsumer):
    """Serves `/ws` and `/chat` on any ASGI server."""

    node: Node
    connection: Connection
    busy = False  # a command is under way: what comes now waits for it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # websocket.connect
        self.node = attendance.running()
        if self.node.draining:
            await handshake.refuse(
                scope, send, status=503, headers=[(b"retry-after", b"1")]
            )  # a proxy asks another process
            return
        await send({"type": "websocket.accept"})
        task = cast("asyncio.Task[None]", asyncio.current_task())
        socket = cast(FrameSocket | None, scope.get("extensions", {}).get("chat.frames"))
        self.connection = Connection(
            send,
            limit_bytes=settings.CHAT_OUTBOX_BYTES,
            compress_bytes=settings.CHAT_COMPRESS_MIN_BYTES,
            max_pending=settings.CHAT_MAX_PENDING_MESSAGES,
            on_cut=task.cancel,
            socket=socket,
            address=(scope.get("client") or ("", 0))[0],
        )
        metrics.connection_opened()
        opened, code = monotonic(), 1006
        try:
            self.node.connections[self.connection.id] = self.connection
            with self.node.pace.serve():
                await self._open(scope)
            if socket is not None:
                socket.on_text = self._take
            code = await self._serve(receive)
        except asyncio.CancelledError:
            if self.connection.closing is None:
                raise
            code = self.connection.closing.code  # the peer did not answer our close, and the line was cut
        finally:
            del self.node.connections[self.connection.id]
            await attendance.forget(self.node, self.connection)
            metrics.connection_closed(code)
            self._log("socket.closed", code=code, seconds=round(monotonic() - opened, 3))

    async def _open(self, scope: Scope) -> None:
        self._log("socket.opened", address=self.connection.address)
        if 0 < settings.CHAT_MAX_CONNECTIONS < len(self.node.connections):
            refusal = Unavailable(OVERLOADED.reason)  # not counted as failed: guests too many are no fault of ours
            self.connection.send(protocol.Error(message=refusal.message, code=refusal.code, retryable=True))
            self.connection.close(OVERLOADED)
            return
        query = parse_qs(scope["query_string"].decode("latin-1"))
        self.connection.accepts = protocol.accepted(",".join(query.get("accept", [])).split(","))
        now = timezone.now()
        self.connection.send(
            protocol.Welcome(
                message="Welcome to the chat", timestamp=protocol.timestamp(now), server_time=int(time() * 1000)
            )
        )
        try:
            await self._sign_in_unasked(scope)
        except ChatError as error:
            handlers.refuse(self.connection, error, None)

    async def _sign_in_unasked(self, scope: Scope) -> None:
        """By the `Authorization` header a program sends, or by the cookie a browser sends from an allowed page."""
        headers = handshake.headers_of(scope)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            await handlers.authenticate(self.node, self.connection, token.strip())
        elif (key := handshake.session_key(headers)) and handshake.is_allowed_origin(headers):
            await handlers.sign_in_by(self.node, self.connection, authentication.by_session, key)

    async def _serve(self, receive: Receive) -> int:
        """Handles one frame after the other until the socket closes; answers with the close code."""
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return event.get("code") or 1005
            if self.connection.closing is None:
                self.busy = True
                with self.node.pace.serve():
                    await self._handle(event.get("text"))
                self.busy = False

    def _take(self, text: str) -> bool:
        """Handles at once what waits for nothing: past the server's queue and a turn of the event loop, 25 us each."""
        if self.busy or self.connection.closing is not None or self.connection.is_full:
            return False
        try:
            command = protocol.decode(text)
        except protocol.CommandError:
            return False
        handle = handlers.AT_ONCE.get(type(command))
        if handle is None:
            return False
        metrics.received()
        try:
            self._check(command)
            handle(self.node, self.connection, command)
        except Exception as error:  # noqa: BLE001 - told apart there
            self._fail(error, command)
        return True

    async def _handle(self, text: str | None) -> None:
        metrics.received()
        try:
            command = self._decode(text)
        except protocol.CommandError as error:
            handlers.refuse(self.connection, error.error, error.command_id)
        except ChatError as error:
            handlers.refuse(self.connection, error, None)
        else:
            try:
                await self._obey(command)
            except Exception as error:  # noqa: BLE001 - told apart there
                self._fail(error, command)

    async def _obey(self, command: protocol.Command) -> None:
        self._check(command)
        handle = handlers.AT_ONCE.get(type(command))
        if handle is None:
            await self.connection.settled()  # one client's commands act in the order it sent them
            await handlers.HANDLERS[type(command)](self.node, self.connection, command)
        else:
            if self.connection.is_full:
                await self.connection.settled()  # reads no further, so the sender's own line fills: nobody else pays
            handle(self.node, self.connection, command)

    def _check(self, command: protocol.Command) -> None:
        if self.connection.identity is None and not command.before_auth:
            raise AuthRequired

    def _fail(self, error: Exception, command: protocol.Command) -> None:
        if not isinstance(error, ChatError):
            log.error("socket.failed", connection=self.connection.id, exc_info=error)
            error = Internal()
        handlers.refuse(self.connection, error, command.id)

    def _decode(self, text: str | None) -> protocol.Command:
        if text is None:
            raise BadFrame("Frames are text; binary ones are not served")
        limit = settings.CHAT_MAX_FRAME_BYTES
        if 0 < limit < len(text) or (0 < limit < 3 * len(text) and len(text.encode()) > limit):
            # Our servers close by themselves before this; it stands for any other ASGI server.
            self.connection.close(TOO_BIG)
            raise TooLarge(f"The frame is over {limit} bytes")
        return protocol.decode(text)

    def _log(self, event: str, **fields: Any) -> None:
        user = self.connection.identity.user_id if self.connection.identity else None
        log.info(event, connection=self.connection.id, user=user, **fields)
