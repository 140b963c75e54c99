"""Making, entering, leaving and listing rooms by a socket."""

import asyncio
from types import SimpleNamespace

import pytest

from rooms import database
from rooms.errors import NotInRoom
from rooms.models import Room
from rooms.protocol.commands.rooms import CreateRoom, GetRooms, JoinRoom, LeaveRoom
from rooms.services.posting import post_message
from tests.support.connections import Client
from tests.support.factories import make_room
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_room_is_made_once(alice: Client, bob: Client) -> None:
    await alice.do(CreateRoom(id="1", room_id="new"))
    await bob.do(CreateRoom(id="2", room_id="new"))
    assert alice.frames == [{"type": "room-created", "id": "1", "roomId": "new", "success": True}]
    assert bob.frames == [{"type": "room-created", "id": "2", "roomId": "new", "success": False}]


async def test_a_room_made_over_one_that_somebody_visits_stays(alice: Client, bob: Client) -> None:
    await bob.join("visit")
    await alice.do(CreateRoom(room_id="visit"))
    assert alice.frames == [{"type": "room-created", "roomId": "visit", "success": True}]
    await bob.leave("visit")
    room = await database.call(lambda: Room.objects.get(name="visit"))
    assert (room.transient, room.created_by_id) == (False, alice.connection.identity.user_id)


@pytest.mark.parametrize("fields", [{"room_id": "hall"}, {"room": "hall"}])
async def test_a_join_is_answered_with_the_room_and_its_newest_page(
    hall: Room, alice: Client, bob: Client, fields: dict[str, str]
) -> None:
    await database.call(post_message, room_id=hall.pk, author_id=alice.connection.identity.user_id, content="before")
    await bob.join("hall")
    await alice.do(JoinRoom(id="1", **fields))
    joined, history = alice.frames
    assert joined == {
        "type": "room-joined", "id": "1", "roomId": "hall", "memberCount": 2, "headSeq": 1, "epoch": hall.epoch,
        "role": "member",
    }  # fmt: skip
    assert [message["content"] for message in history["messages"]] == ["before"]


@pytest.mark.parametrize(("epoch", "recovered"), [(None, True), ("this", True), ("another", False)])
async def test_a_join_after_a_seq_says_whether_it_resumed(
    hall: Room, alice: Client, epoch: str | None, recovered: bool
) -> None:
    for content in ("one", "two"):
        await database.call(post_message, room_id=hall.pk, author_id=alice.connection.identity.user_id, content=content)
    await alice.do(JoinRoom(room_id="hall", after=1, epoch=hall.epoch if epoch == "this" else epoch))
    joined, history = alice.frames
    assert (joined["recovered"], joined["headSeq"]) == (recovered, 2)
    assert [message["content"] for message in history["messages"]] == (["two"] if recovered else ["one", "two"])


async def test_events_wait_until_a_slow_line_has_the_history(
    hall: Room, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, user_id = asyncio.Event(), alice.connection.identity.user_id
    monkeypatch.setattr(type(alice.connection), "drained", lambda _: read.wait())
    joining = asyncio.ensure_future(alice.do(JoinRoom(room_id="hall")))
    await eventually(lambda: alice.got("message-history"))
    await database.call(post_message, room_id=hall.pk, author_id=user_id, content="hi")
    await alice.node.repair.sweep([])
    assert (alice.got("chat-message"), joining.done()) == ([], False)
    read.set()
    await joining
    await eventually(lambda: [frame["content"] for frame in alice.got("chat-message")] == ["hi"])


async def test_a_member_leaves_a_room_once(hall: Room, alice: Client) -> None:
    await alice.join("hall")
    await alice.do(LeaveRoom(id="1", room="hall"))
    assert alice.frames == [{"type": "room-left", "id": "1", "roomId": "hall"}]
    with pytest.raises(NotInRoom):
        await alice.do(LeaveRoom(room_id="hall"))


async def test_the_list_has_visible_rooms_with_their_member_counts(
    hall: Room, people: SimpleNamespace, alice: Client, bob: Client
) -> None:
    await database.call(make_room, "secret", kind=Room.Kind.PRIVATE)
    await bob.join("hall")
    await alice.do(GetRooms(id="1"))
    assert alice.frames == [{"type": "rooms-list", "id": "1", "rooms": [{"id": "hall", "memberCount": 1}]}]


async def test_the_list_is_paged_by_name(alice: Client) -> None:
    for name in ("c", "a", "b"):
        await database.call(make_room, name)
    await database.call(make_room, "aa", kind=Room.Kind.PRIVATE)
    pages: list[list[str]] = []
    after: str | None = ""
    while after is not None:
        await alice.do(GetRooms(limit=2, after=after))
        answer = alice.frames.pop()
        pages.append([room["id"] for room in answer["rooms"]])
        after = answer.get("next")
    assert pages == [["a", "b"], ["c"]]


async def test_a_list_is_cut_at_its_most_whatever_is_asked(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rooms.sockets.commands.rooms.ROOMS_MAX", 2)
    for name in ("a", "b", "c"):
        await database.call(make_room, name)
    for command in (GetRooms(), GetRooms(limit=99)):
        await alice.do(command)
        assert [room["id"] for room in alice.frames[-1]["rooms"]] == ["a", "b"]
        assert alice.frames[-1]["next"] == "b"
