"""Members by a socket: what each command answers, and what the other connections of a user are sent."""

from types import SimpleNamespace

import pytest

from rooms import database
from rooms.errors import NoSuchRoom, NotInRoom
from rooms.live.node import Node
from rooms.models import Membership, Room
from rooms.protocol.commands.history import GetHistory
from rooms.protocol.commands.invitations import AcceptInvitation, CreateInvitation
from rooms.protocol.commands.members import FollowRoom, GetMembers, Invite, UnfollowRoom
from rooms.protocol.commands.posting import SendChatMessage
from rooms.protocol.commands.rooms import GetRooms
from rooms.services.changes import edit_message
from rooms.services.posting import post_message
from tests.support.connections import Client
from tests.support.factories import make_room
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def private(node: Node, people: SimpleNamespace) -> Room:
    """A room of alice's, whose new members see what is written from then on."""
    room = make_room("private", kind="private", history="joined", title="Secrets")
    Membership.objects.create(room=room, user=people.alice, role="owner")
    return room


async def another(node: Node, user: object, *accepts: str) -> Client:
    client = Client(node)
    client.connection.accepts = frozenset(accepts)
    await client.sign_in(user)  # type: ignore[arg-type]
    return client


async def test_who_follows_a_room_is_listed_and_their_connections_learn_it(
    node: Node, hall: Room, people: SimpleNamespace, alice: Client
) -> None:
    page, plain = await another(node, people.alice, "rooms"), await another(node, people.alice)
    await alice.do(FollowRoom(id="1", room_id="hall", level="mentions"))
    assert alice.frames == [{"type": "ack", "id": "1"}]
    await eventually(lambda: page.frames)
    [added] = page.frames
    assert added["type"] == "room-added"
    assert (added["room"]["id"], added["room"]["role"], added["room"]["level"]) == ("hall", "member", "mentions")
    await alice.do(GetMembers(id="2", room_id="hall"))
    member = {"user": {"id": str(people.alice.pk), "username": "alice"}, "role": "member", "online": True}
    assert alice.frames[-1] == {"type": "members", "id": "2", "roomId": "hall", "members": [member]}
    await alice.do(UnfollowRoom(id="3", room_id="hall"))
    await eventually(lambda: page.got("room-removed"))
    assert page.frames[-1] == {"type": "room-removed", "roomId": "hall"}
    assert plain.frames == [], "it has not asked for more than the base protocol"


async def test_a_list_of_whole_rooms_is_for_those_who_accept_it(
    node: Node, hall: Room, people: SimpleNamespace, alice: Client
) -> None:
    await alice.do(FollowRoom(room_id="hall"))
    await alice.do(GetRooms())
    assert alice.frames == [{"type": "rooms-list", "rooms": [{"id": "hall", "memberCount": 0}]}]
    page = await another(node, people.alice, "rooms")
    await page.do(GetRooms())
    [whole] = page.got("rooms-list")[0]["rooms"]
    assert (whole["id"], whole["memberCount"], whole["role"], whole["history"]) == ("hall", 0, "member", "all")


async def test_the_invited_are_sent_the_room(
    node: Node, private: Room, people: SimpleNamespace, alice: Client, bob: Client
) -> None:
    page = await another(node, people.bob, "rooms")
    await alice.do(Invite(id="1", room_id="private", username="bob"))
    assert alice.frames == [{"type": "ack", "id": "1"}]
    await eventually(lambda: page.got("room-added"))
    assert page.frames[0]["room"]["title"] == "Secrets"
    await bob.join("private")


async def test_an_invitation_is_made_and_accepted(private: Room, alice: Client, bob: Client) -> None:
    with pytest.raises(NoSuchRoom):
        await bob.do(GetHistory(room_id="private"))
    await alice.do(CreateInvitation(id="1", room_id="private", uses=0))
    [made] = alice.frames
    assert (made["type"], made["id"], made["roomId"], made["uses"]) == ("invitation", "1", "private", 0)
    await bob.do(AcceptInvitation(id="2", code=made["code"]))
    [opened] = bob.frames
    assert (opened["type"], opened["id"], opened["room"]["id"]) == ("room-opened", "2", "private")
    await bob.join("private")


async def test_the_open_sockets_of_who_leaves_a_private_room_leave_it(
    node: Node, private: Room, people: SimpleNamespace, alice: Client, bob: Client
) -> None:
    await database.call(Membership.objects.create, room=private, user=people.bob)
    page = await another(node, people.bob)
    for client in (bob, page):
        await client.join("private")
    await bob.do(UnfollowRoom(room_id="private"))
    await eventually(lambda: page.got("room-left") and bob.got("room-left"))
    assert page.got("error")[0]["code"] == "no-such-room"
    with pytest.raises(NotInRoom):
        await page.do(SendChatMessage(room_id="private", content="hi"))


async def test_a_change_of_what_was_said_before_reaches_a_new_member_without_its_content(
    private: Room, people: SimpleNamespace, alice: Client, bob: Client
) -> None:
    before = await database.call(post_message, room_id=private.pk, author_id=people.alice.pk, content="before")
    await alice.do(Invite(room_id="private", username="bob"))
    await alice.join("private")
    _, _, shown = await bob.join("private")
    assert (shown.head, b"before" in shown.history.payload) == (2, False), "and that he was invited"
    await database.call(edit_message, message_id=before.id, content="secret")
    after = await database.call(post_message, room_id=private.pk, author_id=people.alice.pk, content="after")
    await database.call(edit_message, message_id=after.id, content="open")
    await eventually(lambda: len(bob.frames) >= 3 and len(alice.got("message-edited")) == 2)
    hidden = {"type": "message-deleted", "roomId": "private", "messageId": str(before.id), "seq": 1, "changedSeq": 3}
    assert bob.got("message-deleted") == [hidden]
    assert [frame.get("content") for frame in bob.frames if frame["type"] != "message-deleted"] == ["after", "open"]
    assert [frame["content"] for frame in alice.got("message-edited")] == ["secret", "open"]


async def test_who_was_away_and_is_invited_again_is_sent_no_change_of_what_is_hidden_now(
    private: Room, people: SimpleNamespace, alice: Client, bob: Client
) -> None:
    await alice.do(Invite(room_id="private", username="bob"))
    await bob.join("private")
    said = await database.call(post_message, room_id=private.pk, author_id=people.alice.pk, content="said")
    await eventually(lambda: bob.got("chat-message"))
    await database.call(Membership.objects.filter(user=people.bob).update, role="none")  # without a word to his socket
    await alice.do(Invite(room_id="private", username="bob"))
    await bob.recheck()
    await database.call(edit_message, message_id=said.id, content="secret")
    await eventually(lambda: bob.got("message-deleted"))
    assert not bob.got("message-edited")
