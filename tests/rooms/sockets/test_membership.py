"""Entering and leaving rooms: who is counted where, what others hear, and that no joiner misses an event."""

import asyncio
import json
from datetime import timedelta
from threading import Event as ThreadEvent
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from rooms import database
from rooms.errors import Banned, Forbidden, NotInRoom, Unavailable
from rooms.live import node as node_module
from rooms.live import topics
from rooms.live.node import Node
from rooms.models import Room
from rooms.services import moderation
from rooms.services.history import Snapshot
from rooms.services.posting import post_message
from rooms.services.rooms import remove_room, renew_epochs
from rooms.sockets import membership
from rooms.storage import RoomAccess
from tests.support.connections import Client
from tests.support.factories import make_room
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)


async def nobody_is_left(node: Node) -> bool:
    return not await node.presence.online() and not await node.presence.rooms() and not node.hub.topics()


# --- Entering and leaving ---------------------------------------------------------------------------------------------
async def test_others_hear_of_a_joiner_and_a_leaver_who_do_not(hall: Room, alice: Client, bob: Client) -> None:
    assert (await alice.join("hall"))[:2] == (alice.connection.rooms["hall"], 1)
    assert (await bob.join("hall"))[1] == 2
    assert [frame["user"]["username"] for frame in alice.got("user-joined")] == ["bob"]
    assert bob.got("user-joined") == []
    await bob.leave("hall")
    assert [frame["user"]["username"] for frame in alice.got("user-left")] == ["bob"]
    assert bob.got("user-left") == []
    with pytest.raises(NotInRoom):
        await bob.leave("hall")


async def test_a_second_socket_of_a_member_is_not_announced(
    node: Node, people: SimpleNamespace, hall: Room, alice: Client, bob: Client
) -> None:
    second = Client(node)
    await second.sign_in(people.bob)
    await alice.join("hall")
    assert [(await client.join("hall"))[1] for client in (bob, second)] == [2, 2]
    assert len(alice.got("user-joined")) == 1
    await bob.leave("hall")
    assert alice.got("user-left") == []
    await second.leave("hall")
    assert len(alice.got("user-left")) == 1


async def test_joining_again_counts_nobody_twice(node: Node, hall: Room, alice: Client, bob: Client) -> None:
    await alice.join("hall")
    await bob.join("hall")
    assert (await bob.join("hall"))[1] == 2
    await bob.leave("hall")
    assert await node.presence.counts([hall.pk]) == {hall.pk: 1}
    assert len(alice.got("user-joined")) == len(alice.got("user-left")) == 1


async def test_a_connection_can_be_in_a_limited_number_of_rooms(alice: Client, settings: LazySettings) -> None:
    settings.CHAT_MAX_ROOMS_PER_CONNECTION = 2
    for name in ("one", "two", "one"):
        await alice.join(name)
    with pytest.raises(Forbidden):
        await alice.join("three")
    await alice.leave("one")
    await alice.join("three")


async def test_a_message_between_snapshot_and_activation_is_not_lost(
    node: Node, people: SimpleNamespace, hall: Room, alice: Client, bob: Client
) -> None:
    await bob.join("hall")
    room, _, snapshot = await membership.join(node, alice.connection, "hall")
    await database.call(post_message, room_id=hall.pk, author_id=people.bob.pk, content="hi")
    await eventually(lambda: bob.got("chat-message"))
    assert alice.got("chat-message") == []
    membership.activate(node, alice.connection, room, snapshot)
    assert [frame["seq"] for frame in alice.got("chat-message")] == [1]


async def test_a_joiner_who_read_less_than_the_first_one_reads_again(
    people: SimpleNamespace, hall: Room, alice: Client, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both enter an empty room; bob reads first, then a message comes, then alice reads and is admitted."""
    read, go_on = ThreadEvent(), ThreadEvent()
    snapshot = membership.snapshot

    def slow_snapshot(**fields: Any) -> Snapshot | None:
        found = snapshot(**fields)
        read.set()
        assert go_on.wait(10)
        return found

    monkeypatch.setattr(membership, "snapshot", slow_snapshot)
    joining = asyncio.ensure_future(bob.join("hall"))
    await eventually(read.is_set)
    monkeypatch.setattr(membership, "snapshot", snapshot)
    await database.call(post_message, room_id=hall.pk, author_id=people.carol.pk, content="hi")
    await alice.join("hall", after=0)  # who resumes after another seq shares no reading with bob
    go_on.set()
    _, _, shown = await joining
    assert [message["content"] for message in json.loads(shown.history.payload)["messages"]] == ["hi"]


async def test_a_joiner_on_a_slow_line_misses_nothing(
    node: Node, people: SimpleNamespace, hall: Room, alice: Client, bob: Client
) -> None:
    """The first one here is still being sent their snapshot when another has read more and is activated."""
    room, _, shown = await membership.join(node, alice.connection, "hall")
    await database.call(post_message, room_id=hall.pk, author_id=people.carol.pk, content="meanwhile")
    await bob.join("hall")
    membership.activate(node, alice.connection, room, shown)
    await database.call(post_message, room_id=hall.pk, author_id=people.carol.pk, content="later")
    await eventually(lambda: bob.got("chat-message"))
    assert [frame["content"] for frame in alice.got("chat-message")] == ["meanwhile", "later"]
    assert [frame["content"] for frame in bob.got("chat-message")] == ["later"]


async def test_joiners_who_come_while_one_reads_share_the_next_reading(
    node: Node, people: SimpleNamespace, hall: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And are counted in before it: the reading writes down for all of them that somebody has entered."""
    clients = [Client(node) for _ in range(3)]
    for client, user in zip(clients, (people.alice, people.bob, people.carol), strict=True):
        await client.sign_in(user)
    counted, go_on, snapshot = [], ThreadEvent(), membership.snapshot

    def slow_snapshot(**fields: Any) -> Snapshot | None:
        counted.append(len(node.presence.places[hall.pk]))  # type: ignore[attr-defined]
        assert go_on.wait(10)
        return snapshot(**fields)

    monkeypatch.setattr(membership, "snapshot", slow_snapshot)
    joins = [asyncio.ensure_future(clients[0].join("hall"))]
    await eventually(lambda: counted)
    joins += [asyncio.ensure_future(client.join("hall")) for client in clients[1:]]
    await eventually(lambda: len(node.presence.places[hall.pk]) == 3)  # type: ignore[attr-defined]
    go_on.set()
    shown = [snapshot for _, _, snapshot in await asyncio.gather(*joins)]
    assert counted == [1, 3]
    assert shown[1] is shown[2]


async def test_a_join_that_fails_leaves_no_trace(
    node: Node, hall: Room, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise Unavailable

    monkeypatch.setattr(membership, "snapshot", fail)
    with pytest.raises(Unavailable):
        await alice.join("hall")
    assert alice.connection.rooms == {}
    assert await node.presence.counts([hall.pk]) == {hall.pk: 0}
    assert topics.of_room(hall.pk) not in node.hub


async def test_a_join_that_fails_keeps_a_member_what_they_were(
    node: Node, hall: Room, alice: Client, bob: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database goes away while a member resumes; what is said meanwhile and later reaches them."""
    await alice.join("hall")
    await bob.join("hall")
    before = len(alice.frames)

    def fail(**_: Any) -> None:
        post_message(room_id=hall.pk, author_id=alice.connection.identity.user_id, content="meanwhile")
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(membership, "snapshot", fail)
        with pytest.raises(Unavailable):
            await bob.join("hall", after=0)
    await database.call(post_message, room_id=hall.pk, author_id=alice.connection.identity.user_id, content="later")
    await eventually(lambda: len(bob.got("chat-message")) == 2)
    assert [frame["content"] for frame in bob.got("chat-message")] == ["meanwhile", "later"]
    assert list(bob.connection.rooms) == ["hall"]
    assert await node.presence.counts([hall.pk]) == {hall.pk: 2}
    assert [frame["type"] for frame in alice.frames[before:]] == ["chat-message", "chat-message"]


@pytest.mark.parametrize("was_member", [False, True])
async def test_a_ban_during_a_join_leaves_nobody_in_the_room(
    hall: Room, alice: Client, bob: Client, was_member: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes after the access was read and is re-checked before the snapshot was."""
    await alice.join("hall")
    if was_member:
        await bob.join("hall")
    reading, go_on, snapshot = ThreadEvent(), ThreadEvent(), membership.snapshot

    def slow_snapshot(**fields: Any) -> Snapshot | None:
        reading.set()
        assert go_on.wait(10)
        return snapshot(**fields)

    monkeypatch.setattr(membership, "snapshot", slow_snapshot)
    joining = asyncio.ensure_future(bob.join("hall"))
    await eventually(reading.is_set)
    until = timezone.now() + timedelta(hours=1)
    await database.call(moderation.ban, room_id=hall.pk, user_id=bob.connection.identity.user_id, until=until)
    await eventually(lambda: bob.got("room-left"), what="re-checked")
    go_on.set()
    with pytest.raises(Banned):
        await joining
    assert bob.kinds[-2:] == ["error", "room-left"]
    assert bob.connection.rooms == {}
    assert await bob.node.presence.counts([hall.pk]) == {hall.pk: 1}
    await database.call(post_message, room_id=hall.pk, author_id=alice.connection.identity.user_id, content="hi")
    await eventually(lambda: alice.got("chat-message"))
    assert bob.got("chat-message") == []
    assert alice.kinds == ["user-joined", "member-updated", "user-left", "chat-message"]


async def test_a_join_after_a_seq_of_another_epoch_does_not_resume(
    people: SimpleNamespace, hall: Room, alice: Client
) -> None:
    await database.call(post_message, room_id=hall.pk, author_id=people.alice.pk, content="hi")
    _, _, first = await alice.join("hall", after=0)
    assert first.recovered
    _, _, again = await alice.join("hall", first.head, first.epoch)
    assert (again.recovered, again.epoch) == (True, first.epoch)
    await database.call(renew_epochs)
    _, _, restored = await alice.join("hall", first.head, first.epoch)
    assert not restored.recovered
    assert restored.epoch != first.epoch


async def test_a_room_made_again_under_the_same_name_is_another_one(
    node: Node, hall: Room, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await alice.join("hall")
    with monkeypatch.context() as patch:
        patch.setattr(node.rights, "recheck_rooms", lambda _: None)
        await database.call(remove_room, room_id=hall.pk)
    again = await database.call(make_room, "hall")
    room, count, _ = await alice.join("hall")
    assert (room.room_id, count) == (again.pk, 1)
    assert await node.presence.counts([hall.pk]) == {hall.pk: 0}
    assert topics.of_room(hall.pk) not in node.hub


# --- Rooms made by joining --------------------------------------------------------------------------------------------
async def rooms_named(name: str) -> int:
    return await database.call(Room.objects.filter(name=name).count)


async def test_a_room_made_by_joining_is_removed_with_its_last_member(alice: Client, bob: Client) -> None:
    await alice.join("visit")
    await bob.join("visit")
    await alice.leave("visit")
    assert await rooms_named("visit") == 1
    await bob.leave("visit")
    assert await rooms_named("visit") == 0


async def test_a_room_in_which_something_was_said_stays(people: SimpleNamespace, alice: Client) -> None:
    room, _, _ = await alice.join("visit")
    await database.call(post_message, room_id=room.room_id, author_id=people.alice.pk, content="hi")
    await alice.leave("visit")
    assert await rooms_named("visit") == 1


async def test_a_room_with_members_on_another_process_stays(
    node: Node, people: SimpleNamespace, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, _, _ = await alice.join("visit")
    leave = node.presence.leave

    async def another_process_counts_bob(room_id: int, user_id: str) -> Any:
        change = await leave(room_id, user_id)
        await node.presence.enter(room_id, str(people.bob.pk))
        return change

    monkeypatch.setattr(node.presence, "leave", another_process_counts_bob)
    await alice.leave("visit")
    assert await rooms_named("visit") == 1
    assert (await node.presence.counts([room.room_id]))[room.room_id] == 1


async def test_a_room_that_is_removed_while_it_is_joined_is_made_again(
    node: Node, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, removed = membership.snapshot, []

    def remove_first(room: RoomAccess, **fields: Any) -> Snapshot | None:
        if not removed:
            removed.append(room.room_id)
            Room.objects.filter(pk=room.room_id).delete()
        return snapshot(room=room, **fields)

    monkeypatch.setattr(membership, "snapshot", remove_first)
    room, count, _ = await alice.join("visit")
    assert room.room_id not in removed
    assert (count, await node.presence.counts([*removed, room.room_id])) == (1, {removed[0]: 0, room.room_id: 1})


async def test_a_room_that_is_removed_at_every_try_is_unavailable(
    node: Node, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership, "snapshot", lambda **_: None)
    with pytest.raises(Unavailable):
        await alice.join("visit")
    assert alice.connection.rooms == {}
    assert await node.presence.rooms() == {}


async def test_an_unused_room_stays_while_the_database_is_away(
    node: Node, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, _, _ = await alice.join("visit")

    async def away(room_id: int) -> None:
        raise Unavailable

    monkeypatch.setattr(node, "remove_unused", away)
    await alice.leave("visit")
    assert await rooms_named("visit") == 1
    assert await node.presence.counts([room.room_id]) == {room.room_id: 0}


async def test_an_unused_room_stays_while_presence_does_not_answer(
    node: Node, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(room_id: int) -> bool:
        await asyncio.Event().wait()
        return True

    monkeypatch.setattr(node_module, "ASK_TIMEOUT_S", 0.05)
    monkeypatch.setattr(node.presence, "is_empty", hang)
    await alice.join("visit")
    await alice.disconnect()
    await eventually(lambda: not node.presence.people)  # type: ignore[attr-defined]
    assert await rooms_named("visit") == 1


# --- The connection is gone -------------------------------------------------------------------------------------------
async def test_a_closed_connection_has_left_every_room(node: Node, hall: Room, alice: Client, bob: Client) -> None:
    await alice.join("hall")
    for name in ("hall", "visit"):
        await bob.join(name)
    await bob.disconnect()
    await eventually(lambda: alice.got("user-left"))
    await eventually(lambda: bob.connection.identity.key not in node.presence.people)  # type: ignore[attr-defined]
    assert await rooms_named("visit") == 0
    await alice.disconnect()
    await eventually(lambda: not node.presence.people)  # type: ignore[attr-defined]
    assert await nobody_is_left(node)


async def test_a_page_that_is_reloaded_has_not_left(
    people: SimpleNamespace, hall: Room, alice: Client, bob: Client, settings: LazySettings
) -> None:
    settings.CHAT_LEAVE_DELAY_S = 0.05
    await alice.join("hall")
    await bob.join("hall")
    await bob.disconnect()
    again = Client(bob.node)
    await again.sign_in(people.bob)
    await again.join("hall")
    await eventually(lambda: bob.node.presence.places[hall.pk][str(people.bob.pk)] == 1)  # type: ignore[attr-defined]
    assert alice.got("user-left") == []
    assert len(alice.got("user-joined")) == 1


async def test_a_connection_cut_while_joining_is_not_counted(
    node: Node, hall: Room, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    entering = asyncio.Event()

    async def hang(_: str) -> None:
        entering.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(node.bus, "sync_subscription", hang)
        joining = asyncio.ensure_future(alice.join("hall"))
        await entering.wait()
        joining.cancel()
        await asyncio.gather(joining, return_exceptions=True)
    await alice.disconnect()
    await eventually(lambda: not node.presence.people)  # type: ignore[attr-defined]
    assert await nobody_is_left(node)


async def test_a_connection_cut_while_leaving_is_not_counted(
    node: Node, hall: Room, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await alice.join("hall")
    leaving_begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: str) -> None:
        leaving_begun.set()
        await go_on.wait()

    monkeypatch.setattr(node.bus, "sync_subscription", slow)
    leaving = asyncio.ensure_future(alice.leave("hall"))
    await leaving_begun.wait()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    go_on.set()
    await alice.disconnect()
    await eventually(lambda: not node.presence.people)  # type: ignore[attr-defined]
    await eventually(lambda: not node.presence.places)  # type: ignore[attr-defined]
