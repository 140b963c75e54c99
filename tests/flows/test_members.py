"""A private room over real sockets: who may not know it learns nothing, members come and go, and so do their rights."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from rooms.models import Membership, Room
from tests.support.client import ChatClient
from tests.support.factories import make_room
from tests.support.servers import Person, ServerProcess

READS = ("get-history", "get-members", "follow-room", "unfollow-room", "create-invitation")


def make_private(server: ServerProcess, owner: Person, name: str, **fields: Any) -> None:
    def make() -> None:
        room = make_room(name, kind=Room.Kind.PRIVATE, **fields)
        Membership.objects.create(room=room, user_id=owner.id, role="owner")

    server.database.run(make)


async def test_who_may_not_know_a_room_gets_the_answers_of_one_that_is_not_there(
    server: ServerProcess, alice: Person, bob: Person, admin: Person, room: str
) -> None:
    make_private(server, alice, room)
    for person in (bob, admin):
        async with ChatClient.connect(server.ws_url, person.token) as client:
            for command in READS:
                hidden, missing = [
                    await client.call(command, id="1", roomId=name) for name in (room, f"{room}-nothing")
                ]
                assert hidden == missing
                assert hidden["code"] == "no-such-room"
            invited = [
                await client.call("invite", id="1", roomId=name, username=bob.username) for name in (room, "nothing-x")
            ]
            assert invited[0] == invited[1]
            taken = [await client.call(command, id="1", roomId=room) for command in ("create-room", "join-room")]
            assert taken[0] == taken[1]
            assert (taken[0]["code"], taken[0]["message"]) == ("conflict", "This name is taken")
            listed = await client.call("get-rooms")
            assert room not in str(listed)


async def test_a_private_room_from_the_invitation_to_the_end(
    server: ServerProcess, alice: Person, bob: Person, carol: Person, room: str
) -> None:
    make_private(server, alice, room, history="joined", title="Secrets")
    async with (
        ChatClient.connect(server.ws_url, alice.token) as owner,
        ChatClient.connect(f"{server.ws_url}?accept=rooms", bob.token) as invited,
        ChatClient.connect(server.ws_url, carol.token) as guest,
    ):
        await owner.call("join-room", roomId=room)
        before = await owner.call("chat-message", roomId=room, content="before")
        assert (await owner.call("invite", roomId=room, username=bob.username))["type"] == "ack"
        added = await invited.expect("room-added")
        assert (added["room"]["id"], added["room"]["title"], added["room"]["role"]) == (room, "Secrets", "member")
        joined = await invited.call("join-room", roomId=room)
        assert joined["headSeq"] == before["seq"] + 1
        [added] = (await invited.expect("message-history"))["messages"]
        assert (added["kind"], added["event"]["name"]) == ("system", "member-added")
        made = await owner.call("create-invitation", roomId=room)
        opened = await guest.call("accept-invitation", code=made["code"])
        assert (opened["type"], opened["room"]["id"]) == ("room-opened", room)
        people = await guest.call("get-members", roomId=room)
        assert {(one["user"]["id"], one["role"], one["online"]) for one in people["members"]} == {
            (str(alice.id), "owner", True), (str(bob.id), "member", True), (str(carol.id), "member", True),
        }  # fmt: skip
        assert (await owner.call("unfollow-room", roomId=room))["code"] == "conflict"
        await invited.call("unfollow-room", roomId=room)
        assert await invited.expect("room-removed") == {"type": "room-removed", "roomId": room}
        await invited.expect("room-left", within=1, roomId=room)
        assert (await invited.call("get-history", roomId=room))["code"] == "no-such-room"


@pytest.fixture
def pair(make_server: Callable[..., ServerProcess], postgres_url: str, redis: Any) -> tuple[ServerProcess, ...]:
    return tuple(make_server("uvicorn", database_url=postgres_url, REDIS_URL=redis.url) for _ in range(2))


async def test_memberships_act_in_every_process_within_a_second(pair: tuple[ServerProcess, ...]) -> None:
    here = pair[0]
    alice, bob = here.person("alice"), here.person("bob")
    make_private(here, alice, "secrets", history="joined")
    async with AsyncExitStack() as stack:
        owner = await stack.enter_async_context(ChatClient.connect(here.ws_url, alice.token))
        near, far = [
            await stack.enter_async_context(ChatClient.connect(f"{one.ws_url}?accept=rooms", bob.token)) for one in pair
        ]
        await owner.call("join-room", roomId="secrets")
        said = await owner.call("chat-message", roomId="secrets", content="before")
        await owner.call("invite", roomId="secrets", username="bob")
        for client in (near, far):
            await client.expect("room-added", within=1)
            await client.call("join-room", roomId="secrets")
        here.database.run(_edit, int(said["messageId"]))
        await owner.call("chat-message", roomId="secrets", content="after")
        for client in (near, far):
            hidden = await client.expect("message-deleted", roomId="secrets")
            assert (hidden["seq"], hidden["changedSeq"]) == (1, 3)
            await client.expect("chat-message", content="after", seq=4)
            await client.nothing("message-edited")
        await owner.call("update-room", roomId="secrets", topic="news")
        for client in (near, far):
            said = await client.expect("chat-message", kind="system", seq=5)
            assert said["event"] == {"name": "room-updated", "topic": "news"}
        await near.call("unfollow-room", roomId="secrets")
        for client in (near, far):
            await client.expect("room-left", within=1, roomId="secrets")
            await client.expect("room-removed", within=1, roomId="secrets")


def _edit(message_id: int) -> None:
    """By another process, as the admin's page would."""
    from rooms.services.changes import edit_message

    edit_message(message_id=message_id, content="secret")
