"""The one table of close codes: why a socket was closed, and whether its client should reconnect."""

from typing import NamedTuple


class Close(NamedTuple):
    """1001, 1009, 1013 and 4000-4099: reconnect with back-off; 1008 and 4100-4199: do not reconnect."""

    code: int
    reason: str
    meaning: str


SHUTDOWN = Close(1001, "Server shutdown", "The process stops: reconnect, to another one or to its successor.")
AUTH_FAILED = Close(1008, "Authentication failed", "The token is not valid; `auth-failed` has the reason.")
TOO_BIG = Close(1009, "Frame too big", "A frame was over CHAT_MAX_FRAME_BYTES: reconnect, and do not send it again.")
OVERLOADED = Close(1013, "Server overloaded", "This process has CHAT_MAX_CONNECTIONS connections: reconnect later.")
SLOW_CONSUMER = Close(4001, "Slow consumer", "The client read too slowly: reconnect, and resume by `seq`.")
TOKEN_EXPIRED = Close(4100, "Token expired", "`auth-expiring` was sent, and no new `auth` came.")
SIGNED_OUT = Close(4101, "Signed out", "The user signed out, or changed the password.")
BANNED = Close(4102, "Banned", "The user was deactivated or banned from the chat; an `error` has the reason.")
KICKED = Close(4103, "Kicked", "An admin has ended all connections of this user.")

CLOSES = (SHUTDOWN, AUTH_FAILED, TOO_BIG, OVERLOADED, SLOW_CONSUMER, TOKEN_EXPIRED, SIGNED_OUT, BANNED, KICKED)
