"""The loop in which a busy process spends most of its time: frames to every recipient."""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from monitoring import metrics
from rooms.live.events import Encoded, Event

Write = Callable[[bytes], None]


class Recipient(Protocol):
    """`write` writes whole WebSocket frames to the socket; None while it cannot: then `offer` queues them.

    `write_up_to` is the largest payload, in bytes, that `write` takes.
    """

    id: str
    accepts: frozenset[str]
    write: Write | None
    write_up_to: int

    def offer(self, frame: Encoded, *, ephemeral: bool = False) -> None: ...


def broadcast(recipients: Collection[Recipient], frames: list[Encoded]) -> None:
    """Sends these frames to every recipient, in one write where the socket is free.

    The kernel's part of a write costs most, so what was committed together is written together. What is the
    same for all stands outside the loop: one call less was 8.5 -> 8.0 us for each of 1,000.
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


def broadcast_visible(recipients: Mapping[Recipient, int], changes: list[tuple[Event, Encoded]]) -> None:
    """Sends these changes to recipients who may not see messages up to a seq, each its own."""
    if not any(event.of or event.quotes for event, _ in changes):
        broadcast(recipients.keys(), [frame for _, frame in changes])
        return
    for recipient, above in recipients.items():
        broadcast([recipient], [visible(event, frame, above) for event, frame in changes])


def visible(event: Event, frame: Encoded, above: int) -> Encoded:
    """What somebody receives of an event who may not see messages up to the seq `above`."""
    if 0 < event.of <= above:
        return Encoded(event.hidden)
    return Encoded(event.unquoted) if 0 < event.quotes <= above else frame
