"""`manage.py runserver`: daphne, with the close reasons, the heartbeat and the frame limit that the protocol promises.

Daphne drops the reason of a close and says no goodbye when it stops; it is for development, see chatsite.server.
"""

from typing import Any

from daphne.management.commands.runserver import Command as DaphneCommand
from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from django.conf import settings

from chatsite.closes import SHUTDOWN


class ChatProtocol(WebSocketProtocol):
    failByDrop = False  # noqa: N815 - autobahn's name: a bad frame is answered by its close code, not by a dropped line

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message.get("type") == "websocket.close" and self.state == self.STATE_OPEN:
            self.take_leave(message.get("code", 1000), message.get("reason", ""))
        else:
            super().handle_reply(message)

    def take_leave(self, code: int, reason: str) -> None:
        """Not `sendClose`, which refuses every code from 1001 to 2999 as if only browsers spoke here."""
        self.sendCloseFrame(code, reason.encode() or None)


class ChatServer(Server):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(
            *args, ping_interval=settings.CHAT_HEARTBEAT_S, ping_timeout=settings.CHAT_HEARTBEAT_S, **kwargs
        )

    def run(self) -> None:
        WebSocketFactory.protocol = ChatProtocol
        super().run()

    def kill_all_applications(self) -> Any:
        for protocol in list(self.connections):
            if isinstance(protocol, ChatProtocol) and protocol.state == protocol.STATE_OPEN:
                protocol.take_leave(SHUTDOWN.code, SHUTDOWN.reason)
        return super().kill_all_applications()


class Command(DaphneCommand):
    server_cls = ChatServer

    def handle(self, *args: Any, **options: Any) -> None:
        limit = settings.CHAT_MAX_FRAME_BYTES
        options["websocket_max_message_size"] = options["websocket_max_frame_size"] = limit
        super().handle(*args, **options)
