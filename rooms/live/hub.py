"""Who is here: the connections of this process by topic, and the order in which a room's events reach them.

Synchronous and without I/O, clock or models. It reports what is missing by `on_gap`, and receives it by `repair`.
"""

from collections.abc import Callable, Iterable
from itertools import chain

from monitoring import metrics
from rooms.conf import conf
from rooms.live.batches import Batch, CallLater
from rooms.live.broadcast import Recipient, broadcast, broadcast_visible, visible
from rooms.live.events import Encoded, Event

MAX_EARLY = 10_000  # events held back for one topic, or for one joiner of it; a gap is read from the database


class Topic:
    """`joining` hold back what arrives while their snapshot is read; `ahead` have a snapshot newer than `seq`.

    `batch` has those members who take several events in one frame, `limited` those who may not see messages up to a
    seq: these are in neither, because some of their events differ. `above` has that seq before they are members, too.
    """

    __slots__ = ("above", "ahead", "batch", "early", "expected", "joining", "limited", "members", "seq", "start")

    def __init__(self, batch: Batch | None) -> None:
        self.members: dict[Recipient, None] = {}
        self.batch = batch
        self.above: dict[Recipient, int] = {}
        self.limited: dict[Recipient, int] = {}
        self.joining: dict[Recipient, list[tuple[Event, Encoded]]] = {}
        self.ahead: dict[Recipient, int] = {}
        self.seq: int | None = None  # the last one delivered; None until the first snapshot has the room's head
        self.start = 0  # the first snapshot's head: what came up to it was not held back for anybody
        self.early: dict[int, Event] = {}
        self.expected = 0  # the head last read from the database

    def drop(self, recipient: Recipient) -> None:
        self.members.pop(recipient, None)
        self.above.pop(recipient, None)
        self.limited.pop(recipient, None)
        self.joining.pop(recipient, None)
        self.ahead.pop(recipient, None)
        if self.batch is not None:
            self.batch.members.pop(recipient, None)

    def add(self, recipient: Recipient) -> None:
        """From the next event on the recipient is sent each event, or batches if it accepts them."""
        if recipient in self.above:
            self.limited[recipient] = self.above[recipient]
        elif self.batch is not None and "message-batch" in recipient.accepts:
            self.batch.flush()
            self.batch.members[recipient] = None
        else:
            self.members[recipient] = None

    def hides(self, event: Event, recipient: Recipient) -> bool:
        """Whether the recipient may not see the message that this event is about."""
        return bool(event.of and self.above) and event.of <= self.above.get(recipient, 0)

    def offer_held(self, recipient: Recipient, held: list[tuple[Event, Encoded]], head: int = 0) -> None:
        """Sends what was held back, changes only behind `head`. What the recipient may see is decided now."""
        above = self.above.get(recipient, 0)
        for event, frame in held:
            if event.seq > head:
                recipient.offer(visible(event, frame, above))
            elif not event.seq and not self.hides(event, recipient):
                recipient.offer(frame, ephemeral=True)

    def is_empty(self) -> bool:
        others = self.joining or self.ahead or self.limited
        return not (self.members or others or (self.batch and self.batch.members))


class Hub:
    def __init__(self, on_gap: Callable[[str], None], call_later: CallLater | None = None) -> None:
        """`on_gap(topic)` is called when an event has not come though a later one has; without a timer no batches."""
        self._call_later = call_later
        self._topics: dict[str, Topic] = {}
        self._on_gap = on_gap

    def __contains__(self, topic: str) -> bool:
        return topic in self._topics

    def topics(self) -> list[str]:
        return list(self._topics)

    def seq(self, topic: str) -> int | None:
        """The last seq delivered in a topic; None when it is unknown here."""
        found = self._topics.get(topic)
        return found.seq if found else None

    def start(self, topic: str) -> int:
        """The seq a snapshot must reach: of two who join an empty room the one with the later one may come first."""
        found = self._topics.get(topic)
        return found.start if found else 0

    def expect(self, topic: str, head: int) -> None:
        """The database is at `head` in this topic: reports a gap when events are missing."""
        found = self._topics.get(topic)
        if found is not None and found.seq is not None and head > found.seq:
            found.expected = max(found.expected, head)
            self._on_gap(topic)

    def has_gap(self, topic: str) -> bool:
        """Whether something is known to be missing."""
        found = self._topics.get(topic)
        return found is not None and found.seq is not None and bool(found.early or found.expected > found.seq)

    def subscribe(self, topic: str, recipient: Recipient, room: str = "", above: int = 0) -> None:
        """Adds a recipient before its snapshot is read: from now on events are held back for it.

        `room` is the name in batches of this topic's events; a topic without one has no batches. Messages up to the
        seq `above` are hidden from the recipient: of their changes it is sent no content.
        """
        found = self._topics.get(topic)
        if found is None:
            batch = Batch(room, self._call_later) if room and self._call_later and conf.CHAT_BATCH_SIZE > 1 else None
            found = self._topics[topic] = Topic(batch)
        found.drop(recipient)
        found.joining[recipient] = []
        if above:
            found.above[recipient] = above

    def begin(self, topic: str, head: int) -> None:
        """A snapshot complete up to `head` (at least `start`) was read: what comes after it is held back for joiners.

        Call it as soon as it was read: until it is sent, another joiner with a newer one may be activated.
        """
        found = self._topics.get(topic)
        if found is None or found.seq is not None:
            return
        found.seq = found.start = head
        self._broadcast(found, self._due(found))
        if found.early:
            self._on_gap(topic)

    def activate(self, topic: str, recipient: Recipient, head: int = 0) -> None:
        """Its snapshot, complete up to `head`, was sent: it gets what came since, and what comes."""
        self.begin(topic, head)
        found = self._topics.get(topic)
        held = found.joining.pop(recipient, None) if found else None
        if found is None or held is None:  # left or disconnected meanwhile
            return
        found.offer_held(recipient, held, head)
        if found.seq is not None and head > found.seq:
            found.ahead[recipient] = head
        else:
            found.add(recipient)

    def limit(self, topic: str, recipient: Recipient, above: int) -> None:
        """From now on messages up to the seq `above` are hidden from this recipient."""
        found = self._topics.get(topic)
        if found is None:
            return
        found.above[recipient] = above
        if recipient in found.joining or recipient in found.ahead:
            return
        found.members.pop(recipient, None)
        if found.batch is not None and recipient in found.batch.members:
            found.batch.flush()
            del found.batch.members[recipient]
        found.limited[recipient] = above

    def unsubscribe(self, topic: str, recipient: Recipient) -> None:
        found = self._topics.get(topic)
        if found is None:
            return
        found.drop(recipient)
        if found.is_empty():
            del self._topics[topic]
            if found.batch is not None:
                found.batch.close()

    def deliver(self, events: Iterable[Event]) -> None:
        """Broadcasts events in their order: a duplicate is dropped, an early one is held back.

        Changes of one topic in one list are sent in one write.
        """
        due: dict[str, list[Event]] = {}
        for event in events:
            topic = self._topics.get(event.topic)
            if topic is None:
                continue
            if event.seq:
                due.setdefault(event.topic, []).extend(self._in_order(event, topic))
            else:
                self._broadcast(topic, due.pop(event.topic, []))
                self._send_ephemeral(topic, event)
        for name, changes in due.items():
            self._broadcast(self._topics[name], changes)

    def repair(self, topic: str, events: Iterable[Event], head: int) -> None:
        """Delivers the room's changes as read from the database, complete up to `head`, and what waited for them."""
        found = self._topics.get(topic)
        if found is None or found.seq is None:
            return
        missed = [event for event in events if event.seq > found.seq]
        found.seq = max([found.seq, head, *(event.seq for event in missed)])
        self._broadcast(found, missed + self._due(found))

    def _in_order(self, event: Event, topic: Topic) -> list[Event]:
        """A change that is next, with what was held back for it; one that comes early is held back, and is a gap."""
        if topic.seq is not None and event.seq == topic.seq + 1:
            topic.seq = event.seq
            return [event, *self._due(topic)] if topic.early else [event]
        if topic.seq is None or event.seq > topic.seq:
            if len(topic.early) < MAX_EARLY:
                topic.early[event.seq] = event
            if topic.seq is not None:
                self._on_gap(event.topic)
        return []

    def _due(self, topic: Topic) -> list[Event]:
        """What was held back and is next now."""
        due: list[Event] = []
        if not topic.early or topic.seq is None:
            return due
        while event := topic.early.pop(topic.seq + 1, None):
            topic.seq = event.seq
            due.append(event)
        for seq in [seq for seq in topic.early if seq <= topic.seq]:
            del topic.early[seq]
        return due

    def _broadcast(self, topic: Topic, changes: list[Event]) -> None:
        """Sends everybody these changes, up to the topic's `seq`."""
        frames = [Encoded(event.payload) for event in changes]
        broadcast(topic.members, frames)
        if frames and topic.batch is not None and topic.batch.members:
            topic.batch.add(frames)
        if topic.joining or topic.ahead or topic.limited:
            both = list(zip(changes, frames, strict=True))
            broadcast_visible(topic.limited, both)
            self._hold_or_offer(topic, both)

    def _hold_or_offer(self, topic: Topic, changes: list[tuple[Event, Encoded]]) -> None:
        for recipient, held in list(topic.joining.items()):
            held.extend(changes)
            if len(held) > MAX_EARLY:  # it reads its snapshot too slowly: the bound of its outbox decides
                del topic.joining[recipient]
                topic.add(recipient)
                topic.offer_held(recipient, held)
        for recipient, head in list(topic.ahead.items()):
            for event, frame in changes:
                if event.seq > head:
                    recipient.offer(visible(event, frame, topic.above.get(recipient, 0)))
            if topic.seq is not None and topic.seq >= head:
                del topic.ahead[recipient]
                topic.add(recipient)

    def _send_ephemeral(self, topic: Topic, event: Event) -> None:
        """Sends everybody but one an ephemeral event, and nobody who may not see the message that it is about."""
        frame = Encoded(event.payload)
        for recipient in chain(topic.members, topic.ahead, topic.limited):
            if recipient.id != event.skip and not topic.hides(event, recipient):
                recipient.offer(frame, ephemeral=True)
        metrics.sent(len(topic.members))
        if topic.batch is not None and topic.batch.members:
            topic.batch.send_ephemeral(frame, skip=event.skip)
        for recipient, held in topic.joining.items():
            if recipient.id != event.skip and not topic.hides(event, recipient):
                held.append((event, frame))
