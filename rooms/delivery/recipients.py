"""Who is given frames, and the loop in which a busy process spends most of its time."""

from collections.abc import Callable, Collection
from typing import Protocol

from monitoring import metrics
from rooms.delivery.events import Encoded

Write = Callable[[bytes], None]


class Recipient(Protocol):
    """`write` puts whole WebSocket frames on the line; None: something is in the way, and `offer` knows what to do.

    `write_up_to` is the largest payload, in bytes, that goes that way.
    """

    id: str
    accepts: frozenset[str]
    write: Write | None
    write_up_to: int

    def offer(self, frame: Encoded, *, ephemeral: bool = False) -> None: ...


def give(recipients: Collection[Recipient], frames: list[Encoded]) -> None:
    """Gives everybody these frames, in one write where the line is free.

    Of a write the kernel's part costs most: 14.2 -> 6.3 us a delivery with what gathers in the journal. And the loop
    stands here, with all that is the same for everybody outside: a call less was 8.5 -> 8.0 us for each of 1,000.
    """
    if not (recipients and frames):
        return
    wire = b"".join([frame.wire for frame in frames])
    largest = max([len(frame.payload) for frame in frames])
    for recipient in recipients:
        write = recipient.write
        if write is not None and largest <= recipient.write_up_to:
            write(wire)
        else:
            for frame in frames:
                recipient.offer(frame)
    metrics.sent(len(recipients) * len(frames))
