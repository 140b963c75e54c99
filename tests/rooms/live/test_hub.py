"""Subscriptions of one process, and the one order in which members get a room's events, however these arrive."""

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rooms.live import hub as hub_module
from rooms.live.broadcast import Write
from rooms.live.events import Encoded, Event
from rooms.live.hub import Hub

ROOM = "room.1"


class Member:
    """Records what it is offered: the seq of a change, the text of an ephemeral event."""

    def __init__(self, name: str = "member") -> None:
        self.id = name
        self.accepts: frozenset[str] = frozenset()
        self.write: Write | None = None
        self.write_up_to = 0
        self.frames: list[Encoded] = []
        self.got: list[int | str] = []

    def offer(self, frame: Encoded, *, ephemeral: bool = False) -> None:
        self.frames.append(frame)
        self.got.append(frame.text if ephemeral else int(frame.text))


@pytest.fixture
def gaps() -> list[str]:
    return []


@pytest.fixture
def hub(gaps: list[str]) -> Hub:
    return Hub(gaps.append)


def change(seq: int, topic: str = ROOM) -> Event:
    return Event(topic, str(seq).encode(), seq)


def ephemeral(text: str, skip: str = "") -> Event:
    return Event(ROOM, text.encode(), skip=skip)


def deliver(hub: Hub, *seqs: int) -> None:
    for seq in seqs:
        hub.deliver([change(seq)])


def member_at(hub: Hub, head: int, name: str = "member") -> Member:
    member = Member(name)
    hub.subscribe(ROOM, member)
    hub.activate(ROOM, member, head)
    return member


def test_a_member_gets_events_in_order(hub: Hub) -> None:
    member = member_at(hub, 0)
    deliver(hub, 1, 2, 3)
    assert member.got == [1, 2, 3]


def test_all_members_share_one_encoding(hub: Hub) -> None:
    alice, bob = member_at(hub, 0, "alice"), member_at(hub, 0, "bob")
    deliver(hub, 1)
    assert alice.frames[0] is bob.frames[0]


def test_changes_delivered_together_are_written_together(hub: Hub) -> None:
    member, newcomer, quick = member_at(hub, 0), member_at(hub, 2, "newcomer"), member_at(hub, 0, "quick")
    written: list[bytes] = []
    quick.write, quick.write_up_to = written.append, 1
    hub.deliver([change(1), change(2), ephemeral("typing"), change(3), change(4)])
    assert member.got == [1, 2, "typing", 3, 4]
    assert newcomer.got == ["typing", 3, 4]
    assert written == [Encoded(b"1").wire + Encoded(b"2").wire, Encoded(b"3").wire + Encoded(b"4").wire]
    assert quick.got == ["typing"]


def test_a_new_member_causes_no_write_to_the_others(hub: Hub) -> None:
    quick = member_at(hub, 0, "quick")
    written: list[bytes] = []
    quick.write, quick.write_up_to = written.append, 1
    member_at(hub, 0, "newcomer")
    assert written == []


def test_a_duplicate_is_dropped(hub: Hub) -> None:
    member = member_at(hub, 0)
    deliver(hub, 1, 1, 2, 1, 2)
    assert member.got == [1, 2]


def test_an_early_event_waits_and_asks_for_what_is_missing(hub: Hub, gaps: list[str]) -> None:
    member = member_at(hub, 0)
    deliver(hub, 1, 3)
    assert (member.got, gaps, hub.has_gap(ROOM)) == ([1], [ROOM], True)
    deliver(hub, 2)
    assert (member.got, hub.has_gap(ROOM)) == ([1, 2, 3], False)


def test_a_repair_fills_the_gap_and_lets_the_early_ones_follow(hub: Hub) -> None:
    member = member_at(hub, 0)
    deliver(hub, 1, 5)
    hub.repair(ROOM, [change(seq) for seq in (1, 2, 3)], head=4)  # 4 changed a message that was deleted since
    assert (member.got, hub.seq(ROOM), hub.has_gap(ROOM)) == ([1, 2, 3, 5], 5, False)


def test_what_a_repair_delivered_is_not_delivered_again(hub: Hub) -> None:
    member = member_at(hub, 0)
    deliver(hub, 3)
    hub.repair(ROOM, [change(1), change(2), change(3)], head=3)
    deliver(hub, 2, 1, 4)
    assert member.got == [1, 2, 3, 4]


def test_a_repair_of_a_room_without_members_does_nothing(hub: Hub) -> None:
    hub.repair(ROOM, [change(1)], head=1)
    assert ROOM not in hub


def test_a_gap_is_reported_when_the_database_is_ahead(hub: Hub, gaps: list[str]) -> None:
    member = member_at(hub, 1)
    hub.expect(ROOM, 1)
    assert (gaps, hub.has_gap(ROOM)) == ([], False)
    hub.expect(ROOM, 3)
    assert (gaps, hub.has_gap(ROOM)) == ([ROOM], True)
    hub.repair(ROOM, [change(2), change(3)], head=3)
    assert (member.got, hub.has_gap(ROOM)) == ([2, 3], False)


def test_nothing_is_expected_without_members_or_before_the_first_snapshot(hub: Hub, gaps: list[str]) -> None:
    hub.expect(ROOM, 3)
    assert ROOM not in hub
    hub.subscribe(ROOM, Member())
    hub.expect(ROOM, 3)
    assert (gaps, hub.has_gap(ROOM)) == ([], False)


def test_nothing_is_sent_to_a_joiner_before_the_snapshot(hub: Hub) -> None:
    member_at(hub, 0, "alice")
    bob = Member("bob")
    hub.subscribe(ROOM, bob)
    deliver(hub, 1, 2)
    hub.deliver([ephemeral("typing")])
    assert bob.got == []
    hub.activate(ROOM, bob, head=1)
    assert bob.got == [2, "typing"]


def test_a_first_joiner_gets_what_came_while_the_snapshot_was_read(hub: Hub, gaps: list[str]) -> None:
    alice = Member()
    hub.subscribe(ROOM, alice)
    deliver(hub, 7, 6, 5)
    hub.activate(ROOM, alice, head=5)
    assert (alice.got, gaps, hub.has_gap(ROOM)) == ([6, 7], [], False)


def test_a_gap_found_when_the_first_joiner_is_activated_is_reported(hub: Hub, gaps: list[str]) -> None:
    alice = Member()
    hub.subscribe(ROOM, alice)
    deliver(hub, 7)
    hub.activate(ROOM, alice, head=5)
    assert (alice.got, gaps) == ([], [ROOM])


def test_a_joiner_whose_snapshot_is_ahead_gets_no_event_twice(hub: Hub) -> None:
    alice = member_at(hub, 2, "alice")
    bob = member_at(hub, 4, "bob")
    deliver(hub, 3)
    hub.deliver([ephemeral("typing")])
    deliver(hub, 4, 5)
    assert alice.got == [3, "typing", 4, 5]
    assert bob.got == ["typing", 5]


def test_who_may_not_see_a_message_is_sent_nothing_ephemeral_about_it(hub: Hub) -> None:
    member_at(hub, 0, "first")
    told, early, late = Member("told"), Member("early"), Member("late")
    for member, above in ((told, 0), (early, 4), (late, 4)):
        hub.subscribe(ROOM, member, above=above)
    hub.activate(ROOM, told, 0)
    hub.activate(ROOM, early, 4)
    for seq in (4, 5):
        hub.deliver([Event(ROOM, f"of {seq}".encode(), of=seq)])
    hub.activate(ROOM, late, 4)
    assert told.got == ["of 4", "of 5"]
    assert early.got == late.got == ["of 5"]


def test_what_is_hidden_since_it_was_held_back_is_not_sent(hub: Hub) -> None:
    member_at(hub, 0, "first")
    late = Member("late")
    hub.subscribe(ROOM, late)
    for seq in (4, 5):
        hub.deliver([Event(ROOM, f"of {seq}".encode(), of=seq)])
    hub.limit(ROOM, late, 4)
    hub.activate(ROOM, late, 5)
    assert late.got == ["of 5"]


def test_a_joiner_on_a_slow_line_misses_nothing_when_another_with_more_is_activated_first(hub: Hub) -> None:
    alice, bob = Member("alice"), Member("bob")
    hub.subscribe(ROOM, alice)
    hub.begin(ROOM, head=4)
    hub.subscribe(ROOM, bob)
    deliver(hub, 5, 6)
    hub.begin(ROOM, head=6)
    hub.activate(ROOM, bob, head=6)
    deliver(hub, 7)
    hub.activate(ROOM, alice, head=4)
    deliver(hub, 8)
    assert (alice.got, bob.got) == ([5, 6, 7, 8], [7, 8])


def test_a_joiner_must_read_at_least_what_the_first_one_has_read(hub: Hub) -> None:
    """Both read the room while nobody was here; what the first one has read is never delivered to the second."""
    alice, bob = Member("alice"), Member("bob")
    hub.subscribe(ROOM, alice)
    hub.subscribe(ROOM, bob)
    assert hub.start(ROOM) == 0, "nobody has read anything yet"
    hub.activate(ROOM, alice, head=5)
    assert hub.start(ROOM) == 5
    deliver(hub, 6)
    assert hub.start(ROOM) == 5, "6 is held for bob"


def test_a_joiner_who_leaves_before_activation_gets_nothing(hub: Hub) -> None:
    bob = Member("bob")
    hub.subscribe(ROOM, bob)
    hub.unsubscribe(ROOM, bob)
    hub.activate(ROOM, bob, head=3)
    deliver(hub, 4)
    assert bob.got == []
    assert ROOM not in hub


def test_a_room_without_members_is_dropped(hub: Hub) -> None:
    alice, bob = member_at(hub, 0, "alice"), member_at(hub, 9, "bob")
    hub.unsubscribe(ROOM, alice)
    assert hub.topics() == [ROOM]
    hub.unsubscribe(ROOM, bob)
    assert (hub.topics(), hub.seq(ROOM)) == ([], None)
    hub.unsubscribe(ROOM, bob)


def test_a_member_who_joins_again_starts_from_the_new_snapshot(hub: Hub) -> None:
    alice = member_at(hub, 0)
    deliver(hub, 1)
    hub.subscribe(ROOM, alice)
    deliver(hub, 2, 3)
    hub.activate(ROOM, alice, head=2)
    assert alice.got == [1, 3]


def test_an_event_skips_the_connection_it_names(hub: Hub) -> None:
    alice, bob, carol = member_at(hub, 0, "alice"), member_at(hub, 0, "bob"), Member("carol")
    hub.subscribe(ROOM, carol)
    for name in ("alice", "carol"):
        hub.deliver([ephemeral(f"{name} joined", skip=name)])
    hub.activate(ROOM, carol)
    assert (alice.got, bob.got) == (["carol joined"], ["alice joined", "carol joined"])
    assert carol.got == ["alice joined"]


def test_an_event_stays_in_its_topic(hub: Hub) -> None:
    member = member_at(hub, 0)
    hub.deliver([change(1, "room.2")])
    assert member.got == []
    assert "room.2" not in hub


def test_early_events_are_held_up_to_a_bound(hub: Hub, gaps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MAX_EARLY", 2)
    member = member_at(hub, 0)
    deliver(hub, 3, 4, 5)
    hub.repair(ROOM, [change(1), change(2)], head=2)
    assert member.got == [1, 2, 3, 4]
    deliver(hub, 6)
    assert gaps[-1] == ROOM, "5 was dropped, and is a gap once 6 arrives"


# --- Any interleaving -------------------------------------------------------------------------------------------------
class Reader(Member):
    """A member who compares what it is offered with its snapshot: the very next change, or one is lost or doubled."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.state = "out"
        self.seq = 0

    def offer(self, frame: Encoded, *, ephemeral: bool = False) -> None:
        assert self.state == "member", "offered before its snapshot was sent"
        assert int(frame.text) == self.seq + 1, f"{self.id} is at {self.seq} and was sent {frame.text}"
        self.seq += 1


class World:
    """A room in a database, a network that shuffles, doubles and loses, and people who come and go in between."""

    def __init__(self) -> None:
        self.hub = Hub(lambda _: self.ask())
        self.last_seq = 0
        self.network: list[Event] = []
        self.readers = [Reader("alice"), Reader("bob"), Reader("carol")]
        self.asked = False
        self.changes: tuple[list[Event], int] | None = None

    def steps(self) -> list[Callable[[], None]]:
        """Everything that can happen next."""
        steps: list[Callable[[], None]] = [self.commit, self.sweep]
        for event in self.network[-4:]:
            steps += [
                partial(self.hub.deliver, self.network[-4:]),
                partial(self.arrive, event),
                partial(self.hub.deliver, [event]),
                partial(self.network.remove, event),
            ]
        for reader in self.readers:
            if reader.state == "joining":
                steps.append(partial(self.read_snapshot, reader))
            if reader.state == "has read":
                steps.append(partial(self.begin, reader))
            if reader.state == "is sent the snapshot":
                steps.append(partial(self.activate, reader))
            steps.append(partial(self.join, reader) if reader.state == "out" else partial(self.leave, reader))
            if reader.state == "member":
                steps.append(partial(self.join, reader))
        if self.asked:
            steps.append(self.read_changes if self.changes is None else self.repair)
        return steps

    def ask(self) -> None:
        self.asked = True

    def commit(self) -> None:
        self.last_seq += 1
        self.network.append(change(self.last_seq))

    def sweep(self) -> None:
        """The head is read and passed to the hub."""
        self.hub.expect(ROOM, self.last_seq)

    def arrive(self, event: Event) -> None:
        self.network.remove(event)
        self.hub.deliver([event])

    def join(self, reader: Reader) -> None:
        reader.state = "joining"
        self.hub.subscribe(ROOM, reader)

    def read_snapshot(self, reader: Reader) -> None:
        """Its answer comes later, and is read again when somebody has begun with more meanwhile."""
        reader.state, reader.seq = "has read", self.last_seq

    def begin(self, reader: Reader) -> None:
        if reader.seq < self.hub.start(ROOM):
            reader.seq = self.last_seq
        reader.state = "is sent the snapshot"
        self.hub.begin(ROOM, reader.seq)

    def activate(self, reader: Reader) -> None:
        """The client has read the snapshot, which takes as long as its line takes."""
        reader.state = "member"
        self.hub.activate(ROOM, reader, reader.seq)

    def leave(self, reader: Reader) -> None:
        reader.state = "out"
        self.hub.unsubscribe(ROOM, reader)

    def read_changes(self) -> None:
        after = self.hub.seq(ROOM) or 0
        self.changes = [change(seq) for seq in range(after + 1, self.last_seq + 1)], self.last_seq

    def repair(self) -> None:
        assert self.changes
        self.hub.repair(ROOM, *self.changes)
        self.changes, self.asked = None, self.hub.has_gap(ROOM)

    def settle(self) -> None:
        """The head is read once more, and every gap is repaired."""
        self.sweep()
        while self.asked:
            self.changes = None
            self.read_changes()
            self.repair()


@given(choices=st.binary(min_size=80, max_size=80))
@settings(max_examples=300, deadline=None)
def test_in_any_interleaving_every_member_gets_everything_once_and_in_order(choices: bytes) -> None:
    world = World()
    for choice in choices:
        steps = world.steps()
        steps[choice % len(steps)]()
        if world.hub.seq(ROOM) is not None and world.hub.has_gap(ROOM):
            assert world.asked, "something is held back and no gap was reported"
    if any(reader.state == "member" for reader in world.readers):
        world.settle()
    assert {reader.seq for reader in world.readers if reader.state == "member"} <= {world.last_seq}


def test_what_is_held_back_for_one_joiner_is_bounded(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MAX_EARLY", 3)
    member_at(hub, 0, "other")
    slow = Member("slow")
    hub.subscribe(ROOM, slow)
    deliver(hub, 1, 2, 3)
    assert slow.got == []
    deliver(hub, 4, 5)
    assert slow.got == [1, 2, 3, 4, 5], "from here on the bound of its outbox counts"
    hub.activate(ROOM, slow, 3)
    deliver(hub, 6)
    assert slow.got == [1, 2, 3, 4, 5, 6]


# --- Members who may not see everything -------------------------------------------------------------------------------
def edit(seq: int, of: int) -> Event:
    """A change of the message `of`; who may not see that one is sent the seq as a negative number."""
    return Event(ROOM, str(seq).encode(), seq, of=of, hidden=str(-seq).encode())


def limited_at(hub: Hub, head: int, above: int, *, batches: bool = False) -> Member:
    member = Member("limited")
    member.accepts = frozenset({"message-batch"}) if batches else frozenset()
    hub.subscribe(ROOM, member, above=above)
    hub.activate(ROOM, member, head)
    return member


def test_a_member_is_sent_no_content_of_changes_of_what_they_may_not_see(hub: Hub) -> None:
    limited, other = limited_at(hub, 10, above=10), member_at(hub, 10)
    hub.deliver([change(11), edit(12, of=4), edit(13, of=11), edit(14, of=10)])
    hub.deliver([ephemeral("typing")])
    assert limited.got == [11, -12, 13, -14, "typing"]
    assert other.got == [11, 12, 13, 14, "typing"]


def test_what_came_while_a_member_joined_is_hidden_too(hub: Hub) -> None:
    member_at(hub, 10)
    joiner, ahead = Member("joiner"), Member("ahead")
    for member in (joiner, ahead):
        hub.subscribe(ROOM, member, above=10)
    hub.activate(ROOM, ahead, 12)
    hub.deliver([edit(11, of=3), edit(12, of=3), edit(13, of=3)])
    hub.activate(ROOM, joiner, 11)
    hub.deliver([edit(14, of=3)])
    assert joiner.got == [-12, -13, -14]
    assert ahead.got == [-13, -14]


def test_a_joiner_who_reads_too_slowly_is_sent_no_more_than_the_others(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "MAX_EARLY", 2)
    member_at(hub, 10)
    joiner = Member("joiner")
    hub.subscribe(ROOM, joiner, above=10)
    hub.deliver([edit(11, of=3), change(12), edit(13, of=12)])
    assert joiner.got == [-11, 12, 13]


def test_repaired_changes_are_hidden_too(hub: Hub) -> None:
    limited = limited_at(hub, 10, above=10)
    hub.repair(ROOM, [edit(11, of=2), change(12)], 12)
    assert limited.got == [-11, 12]


def test_a_member_who_was_away_is_limited_from_then_on(gaps: list[str]) -> None:
    hub = Hub(gaps.append, lambda *_: None)  # type: ignore[arg-type,return-value]  # a timer that never fires
    member = Member("member")
    member.accepts = frozenset({"message-batch"})
    hub.subscribe(ROOM, member, room="lobby")
    hub.activate(ROOM, member, 10)
    hub.deliver([edit(11, of=3)])
    hub.limit(ROOM, member, above=11)
    hub.deliver([edit(12, of=3), change(13)])
    assert member.got == [11, -12, 13]
    hub.unsubscribe(ROOM, member)
    assert ROOM not in hub
    hub.limit(ROOM, member, above=11)
    assert ROOM not in hub


def test_a_limited_member_joins_again_without_a_limit(hub: Hub) -> None:
    member = limited_at(hub, 10, above=10)
    hub.subscribe(ROOM, member)
    hub.activate(ROOM, member, 10)
    hub.deliver([edit(11, of=3)])
    assert member.got == [11]
