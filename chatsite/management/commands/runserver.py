"""`manage.py runserver`: daphne, with the close reasons, the heartbeat and the frame limit that the protocol promises.

Daphne has no back-pressure and no workers: it is for development, see chatsite.server.
"""

import asyncio
import errno
import os
import sys
from typing import Any

from daphne.management.commands.runserver import Command as DaphneCommand
from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from django.conf import settings
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatsite import start
from rooms.closes import SHUTDOWN
from rooms.conf import conf
from rooms.live import node


class ChatProtocol(WebSocketProtocol):
    failByDrop = False  # noqa: N815 - autobahn's name: a bad frame is answered by its close code, not by a dropped line

    def handle_reply(self, message: dict[str, Any]) -> None:
        if message.get("type") == "websocket.close" and self.state == self.STATE_OPEN:
            self.send_close(message.get("code", 1000), message.get("reason", ""))
        else:
            super().handle_reply(message)

    def send_close(self, code: int, reason: str) -> None:
        """Not `sendClose`, which refuses the codes 1001 to 2999 as for browsers."""
        self.sendCloseFrame(code, reason.encode() or None)


class ChatServer(Server):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, ping_interval=conf.CHAT_HEARTBEAT_S, ping_timeout=conf.CHAT_HEARTBEAT_S, **kwargs)

    def run(self) -> None:
        WebSocketFactory.protocol = ChatProtocol
        super().run()

    def listen_error(self, failure: Failure) -> None:
        """Ends the process: daphne would end its thread only, and leave the reloader waiting for a change."""
        error: Any = failure.value
        is_taken = getattr(getattr(error, "socketError", None), "errno", None) == errno.EADDRINUSE
        sys.stderr.write(f"{start.taken(error.interface, error.port) if is_taken else error}\n")
        sys.stderr.flush()
        os._exit(1)

    def kill_all_applications(self) -> Any:
        """Closes every socket and stores what was submitted, before the reactor stops."""
        ended = asyncio.get_event_loop().create_future()
        ended.set_result(None)
        for protocol, details in self.connections.items():
            details.setdefault("application_instance", ended)  # daphne trips over requests that have none any more
            if isinstance(protocol, ChatProtocol) and protocol.state == protocol.STATE_OPEN:
                protocol.send_close(SHUTDOWN.code, SHUTDOWN.reason)
        killed = super().kill_all_applications()
        return killed.addCallback(lambda _: Deferred.fromFuture(asyncio.ensure_future(node.stop())))


class Command(DaphneCommand):
    server_cls = ChatServer
    default_port = str(settings.PORT)

    def handle(self, *args: Any, **options: Any) -> None:
        limit = conf.CHAT_MAX_FRAME_BYTES
        options["websocket_max_message_size"] = options["websocket_max_frame_size"] = limit
        super().handle(*args, **options)

    def run(self, **options: Any) -> None:
        if DJANGO_AUTORELOAD_ENV not in os.environ:  # else the reloader has started it, which did this before
            start.log_unknown_variables()
            start.require_free_port(self.addr, int(self.port))
        super().run(**options)
