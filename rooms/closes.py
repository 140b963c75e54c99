"""The one table of close codes: why a socket was closed, and whether its client should reconnect."""

from typing import NamedTuple


class Close(NamedTuple):
    """1001, 1009, 1013 and 4000-4099: reconnect with back-off; 1008 and 4100-4199: do not reconnect."""

    code: int
    reason: str
    meaning: str


SHUTDOWN = Close(1001, "Server shutdown", "The process stops: reconnect, to another one or to its successor.")
AUTH_FAILED = Close(1008, "Authentication failed", "The token is not valid; `auth-failed` has the reason.")
SIGN_IN_TIMEOUT = Close(1008, "Not signed in in time", "Nobody signed in within CHAT_SIGN_IN_S.")
TOO_MANY_FRAMES = Close(
    1008, "Too many control frames", "Over CHAT_MAX_CONTROL_FRAMES pings, pongs and fragments a second: send fewer."
)
TOO_BIG = Close(1009, "Frame too big", "A frame was over CHAT_MAX_FRAME_BYTES: reconnect, and do not send it again.")
OVERLOADED = Close(1013, "Server overloaded", "This process has CHAT_MAX_CONNECTIONS connections: reconnect later.")
RECONNECTING = Close(
    1013, "Reconnecting too often", "The `error` before has `retryAfterMs`: reconnect then. Open sockets stay."
)
SLOW_CONSUMER = Close(4001, "Slow consumer", "The client read too slowly: reconnect, and resume by `seq`.")
TOO_MANY_TRIES = Close(4003, "Too many tries", "Too many wrong tokens: reconnect after the error's `retryAfterMs`.")
TOKEN_EXPIRED = Close(4100, "Token expired", "`auth-expiring` was sent, and no new `auth` came.")
SIGNED_OUT = Close(4101, "Signed out", "The user signed out or changed the password, or the session has expired.")
BANNED = Close(4102, "Banned", "The user was deactivated or banned from the chat; an `error` has the reason.")
KICKED = Close(4103, "Kicked", "An admin has ended all connections of this user.")
TOO_MANY_VIOLATIONS = Close(4104, "Too many violations", "CHAT_RATE_VIOLATIONS commands were `rate-limited`.")
TOO_MANY_CONNECTIONS = Close(
    4105,
    "Too many connections",
    "This user, or this address, has as many connections as CHAT_MAX_CONNECTIONS_PER_… allows.",
)

CLOSES = (
    SHUTDOWN, AUTH_FAILED, SIGN_IN_TIMEOUT, TOO_MANY_FRAMES, TOO_BIG, OVERLOADED, RECONNECTING, SLOW_CONSUMER,
    TOO_MANY_TRIES, TOKEN_EXPIRED, SIGNED_OUT, BANNED, KICKED, TOO_MANY_VIOLATIONS, TOO_MANY_CONNECTIONS,
)  # fmt: skip
