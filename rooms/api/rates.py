"""The rates of callers over HTTP: the same buckets as over the socket."""

from rooms.live import node
from rooms.live.rates import Rates

COUNTED = "chat.counted"  # in the scope of a request that was counted before its body was read
_alone = Rates()  # of a process that serves no sockets


def here() -> Rates:
    """The rates of this process."""
    running = node.current()
    return running.rates if running is not None else _alone
