"""What a moderator does acts on open connections, and ends at its time."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from rooms import database
from rooms.callers import CODE
from rooms.errors import Conflict, Forbidden
from rooms.live.node import Node
from rooms.models import Membership, Room
from rooms.protocol.commands.deletions import DeleteMessages
from rooms.protocol.commands.moderation import Moderate, UpdateRoom
from rooms.services import moderation, server_bans
from rooms.services.posting import post_message
from tests.support.connections import Client
from tests.support.machine import eventually
from tests.support.rooms import restrict


@pytest.fixture
async def moderated(hall: Room, alice: Client, bob: Client, people: SimpleNamespace) -> Room:
    """Alice moderates the hall, in which bob is too."""
    await database.call(restrict, hall, people.alice, role="moderator")
    await alice.join("hall")
    await bob.join("hall")
    for client in (alice, bob):
        client.frames.clear()
    return hall


async def moderate(client: Client, action: str, **fields: Any) -> None:
    await client.do(Moderate(id="1", room_id="hall", username="bob", action=action, **fields))  # type: ignore[arg-type]


async def test_who_is_kicked_leaves_and_may_come_back(moderated: Room, alice: Client, bob: Client) -> None:
    await moderate(alice, "kick")
    await eventually(lambda: bob.got("room-left"), what="put out")
    assert alice.got("ack")
    assert bob.got("error")[0]["message"] == "You were removed from this room"
    assert bob.close is None
    await bob.join("hall")
    await bob.recheck()
    assert "hall" in bob.connection.rooms


async def test_a_ban_says_why_and_everybody_sees_it(moderated: Room, alice: Client, bob: Client) -> None:
    await moderate(alice, "ban", minutes=5, reason="spam")
    await eventually(lambda: bob.got("room-left"), what="put out")
    assert bob.got("error")[0]["message"] == "You are banned from this room: spam"
    [seen], [mine] = alice.got("member-updated"), bob.got("member-updated")
    assert seen == mine
    assert seen["user"]["username"] == "bob"
    assert seen["bannedUntil"]


async def test_a_connection_that_is_not_in_the_room_learns_of_it_too(
    moderated: Room, alice: Client, node: Node, people: SimpleNamespace
) -> None:
    second = Client(node)
    await second.sign_in(people.bob)
    await moderate(alice, "mute", minutes=5)
    await eventually(lambda: second.got("member-updated"))
    assert second.got("member-updated")[0]["mutedUntil"]


@pytest.mark.parametrize("field", ["muted_until", "banned_until"])
async def test_the_end_of_a_mute_or_a_ban_is_told_once(
    moderated: Room, bob: Client, node: Node, people: SimpleNamespace, field: str
) -> None:
    """Also when it was noted without an announcement, as by a process that died."""
    until = timezone.now() + timedelta(seconds=1)
    await database.call(restrict, moderated, people.bob, **{field: until})
    node.rights.changes += 1  # somebody's rights have changed
    await eventually(lambda: bob.got("member-updated"), what="informed")
    assert timezone.now() >= until
    [frame] = bob.got("member-updated")
    assert not {"mutedUntil", "bannedUntil"} & set(frame)
    await node.ends.tick()
    node.rights.changes += 1
    await node.ends.tick()
    assert len(bob.got("member-updated")) == 1


async def test_what_is_prolonged_does_not_end(
    moderated: Room, bob: Client, node: Node, people: SimpleNamespace
) -> None:
    soon = timezone.now() + timedelta(seconds=0.2)
    await database.call(restrict, moderated, people.bob, muted_until=soon)
    node.rights.changes += 1
    await node.ends.tick()
    await database.call(restrict, moderated, people.bob, muted_until=timezone.now() + timedelta(hours=1))
    await eventually(lambda: bob.got("member-updated"))
    assert bob.got("member-updated")[0]["mutedUntil"]


async def test_a_removed_member_of_a_private_room_is_put_out_with_a_clear_text(
    moderated: Room, alice: Client, bob: Client, people: SimpleNamespace
) -> None:
    await database.call(restrict, moderated, people.bob, role="member")
    await database.call(lambda: Room.objects.update(kind=Room.Kind.PRIVATE))
    bob.connection.accepts |= {"rooms"}
    await moderate(alice, "remove")
    await eventually(lambda: bob.got("room-left") and bob.got("room-removed"))
    assert bob.got("error")[0]["message"] == "You were removed from this room"
    assert (await database.call(lambda: Membership.objects.get(user=people.bob))).role == "none"


async def test_who_is_banned_from_the_chat_is_closed_with_the_reason(bob: Client, people: SimpleNamespace) -> None:
    await database.call(server_bans.ban_from_server, actor=CODE, user_id=people.bob.pk, reason="spam")
    await eventually(lambda: bob.close, what="closed")
    assert bob.close == (4102, "Banned")
    assert bob.got("error")[0]["message"] == "You are banned from the chat: spam"


async def test_all_connections_are_ended_once(bob: Client, node: Node, people: SimpleNamespace) -> None:
    await database.call(server_bans.disconnect, actor=CODE, user_id=people.bob.pk)
    await eventually(lambda: bob.close, what="closed")
    assert bob.close == (4103, "Kicked")


async def test_the_last_owner_stays_one(moderated: Room, people: SimpleNamespace) -> None:
    await database.call(restrict, moderated, people.carol, role="owner")
    for action, role in (("role", "member"), ("remove", None)):
        with pytest.raises(Conflict):
            await database.call(
                moderation.act, actor=CODE, room_id=moderated.pk, user_id=people.carol.pk, action=action, role=role
            )


async def test_nobody_acts_on_an_equal_or_themselves(moderated: Room, alice: Client, people: SimpleNamespace) -> None:
    await database.call(restrict, moderated, people.bob, role="moderator")
    with pytest.raises(Forbidden):
        await moderate(alice, "kick")
    with pytest.raises(Forbidden):
        await alice.do(Moderate(room_id="hall", username="alice", action="ban"))
    await alice.do(Moderate(room_id="hall", username="alice", action="role", role="member"))
    assert (await database.call(lambda: Membership.objects.get(user=people.alice))).role == "member"


async def test_new_settings_reach_the_room(moderated: Room, alice: Client, bob: Client) -> None:
    await alice.do(UpdateRoom(room_id="hall", topic="News", slow_mode_s=30, locked=True))
    await eventually(lambda: bob.got("room-updated"))
    room = bob.got("room-updated")[0]["room"]
    assert (room["topic"], room["slowModeS"], room["locked"]) == ("News", 30, True)


async def test_all_messages_of_a_person_go_from_every_page(
    moderated: Room, alice: Client, bob: Client, people: SimpleNamespace
) -> None:
    await database.call(post_message, room_id=moderated.pk, author_id=people.bob.pk, content="spam")
    await alice.do(DeleteMessages(id="2", room_id="hall", username="bob"))
    await eventually(lambda: bob.got("messages-deleted"))
    assert alice.got("ack")[0]["count"] == 1
    assert bob.got("messages-deleted")[0]["changedSeq"] == 2
