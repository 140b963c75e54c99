"""What one socket may still send: frames of any kind by their number, commands by the bucket that each names."""

from rooms.closes import TOO_MANY_VIOLATIONS
from rooms.conf import conf
from rooms.errors import RateLimited
from rooms.live.connection import Connection
from rooms.live.rates import Bucket, Rates, refusal
from rooms.protocol.commands.base import Command
from rooms.sockets import admission

# "frames" are counted for every frame, "messages" by the command, which knows the room.
COUNTED_ELSEWHERE = frozenset({"frames", "messages"})


class SocketRates:
    __slots__ = ("_clock", "_connection", "_frames", "_rates", "_violations")

    def __init__(self, rates: Rates, connection: Connection) -> None:
        self._rates, self._connection, self._clock = rates, connection, rates.clock
        self._frames, self._violations = Bucket(), Bucket()

    def spend(self, command: Command) -> None:
        """For a command; RateLimited."""
        self._spend_frame()
        identity = self._connection.identity
        if identity is not None and command.bucket not in COUNTED_ELSEWHERE:
            self._rates.spend(command.bucket, identity.user_id)

    def frame_refusal(self) -> RateLimited | None:
        """For a frame that is no command: what it is answered instead of what is wrong with it, if anything."""
        try:
            self._spend_frame()
        except RateLimited as error:
            return error
        return None

    def _spend_frame(self) -> None:
        """Every frame counts, whatever it is. A guest's also counts against their address."""
        rate = conf.CHAT_RATE_FRAMES
        if rate is not None and (wait_s := self._frames.try_take(rate, self._clock())):
            raise refusal("frames", wait_s)
        if self._connection.identity is None and (address := admission.owner(self._connection.address)):
            self._rates.spend("address-frames", address)

    def violated(self) -> None:
        """A command was refused for its rate; whoever sends on all the same is disconnected."""
        if self._violations.try_take(conf.CHAT_RATE_VIOLATIONS, self._clock()):
            self._connection.close(TOO_MANY_VIOLATIONS)
