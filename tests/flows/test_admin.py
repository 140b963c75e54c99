"""What a moderator does on the admin's pages acts on open sockets at once."""

import asyncio
import urllib.request
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from rooms.models import Membership, Message, Room
from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.machine import eventually
from tests.support.servers import Person, ServerProcess

CSRF = "c" * 32


@pytest.fixture
def server(uvicorn_server: ServerProcess) -> ServerProcess:
    return uvicorn_server


async def _post(server: ServerProcess, person: Person, path: str, form: dict[str, Any]) -> str:
    """Posts a form of the admin in this person's session; the page that follows."""

    def session_key() -> str:
        client = Client()
        client.force_login(User.objects.get(pk=person.id))
        return client.cookies["sessionid"].value

    def post() -> str:
        cookies = {"Cookie": f"csrftoken={CSRF}; sessionid={server.database.run(session_key)}"}
        data = urlencode(form | {"csrfmiddlewaretoken": CSRF}, doseq=True).encode()
        request = urllib.request.Request(f"{server.url}/admin/chat_rooms/{path}", data, cookies)  # noqa: S310 - our own address
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(request, timeout=10) as answer:
            return answer.read().decode()

    return await asyncio.to_thread(post)


def _membership(name: str, user_id: int, owner_id: int) -> Membership:
    """Of a room that has another owner, and so may lose this one."""
    room = Room.objects.get(name=name)
    Membership.objects.create(room=room, user_id=owner_id, role="owner")
    return Membership.objects.get_or_create(room=room, user_id=user_id)[0]


async def test_a_ban_a_mute_and_a_removal_act_on_the_open_socket(
    server: ServerProcess, alice: Person, admin: Person, room: str
) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await client.call("create-room", roomId=room)
        await enter(client, room)
        page = f"membership/{server.database.run(_membership, room, alice.id, admin.id).pk}"
        end = timezone.now() + timedelta(hours=1)

        await _post(server, admin, f"{page}/change/", {"role": "member", **_moment("muted_until", end)})
        assert (await client.call("chat-message", roomId=room, content="Hello"))["code"] == "muted"

        await _post(server, admin, f"{page}/change/", {"role": "member", **_moment("banned_until", end)})
        assert (await client.expect("error"))["code"] == "banned"
        assert await client.expect("room-left", roomId=room)
        assert (await client.call("join-room", roomId=room))["code"] == "banned"

        await _post(server, admin, f"{page}/change/", {"role": "member"})
        await enter(client, room)
        server.database.run(Room.objects.filter(name=room).update, kind=Room.Kind.PRIVATE)
        await _post(server, admin, f"{page}/delete/", {"post": "yes"})
        assert (await client.expect("error"))["code"] == "no-such-room"
        assert await client.expect("room-left", roomId=room)


async def test_a_closed_room_can_only_be_read_until_it_is_reopened(
    server: ServerProcess, alice: Person, admin: Person, room: str
) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await client.call("create-room", roomId=room)
        await enter(client, room)
        room_id = server.database.run(lambda: Room.objects.get(name=room).pk)
        await _post(server, admin, "room/", {"action": "close", "_selected_action": room_id})
        assert (await client.call("chat-message", roomId=room, content="Hello"))["reason"] == "closed"
        await _post(server, admin, "room/", {"action": "reopen", "_selected_action": room_id})
        assert (await client.call("chat-message", roomId=room, content="Hello"))["type"] == "ack"


async def test_members_of_a_removed_room_leave_at_once_and_its_messages_are_deleted(
    server: ServerProcess, alice: Person, admin: Person, room: str
) -> None:
    async with ChatClient.connect(server.ws_url, alice.token) as client:
        await client.call("create-room", roomId=room)
        await enter(client, room)
        first = await client.call("chat-message", roomId=room, content="Hello")
        room_id = server.database.run(lambda: Room.objects.get(name=room).pk)
        form = {"action": "remove", "_selected_action": room_id}
        assert "Yes, remove them" in await _post(server, admin, "room/", form)
        await client.nothing("room-left")
        await _post(server, admin, "room/", {**form, "confirmed": "yes"})
        assert (await client.expect("error"))["code"] == "no-such-room"
        assert await client.expect("room-left", roomId=room)

        joined = await client.call("join-room", roomId=room)
        assert (joined["type"], joined["headSeq"]) == ("room-joined", 0)
        stored = Message.objects.filter(pk=first["messageId"])
        await eventually(lambda: not server.database.run(stored.exists), within=15, what="its messages are deleted")
        await eventually(
            lambda: not server.database.run(Room.objects.filter(pk=room_id).exists),
            within=15,
            what="its row is deleted",
        )


def _moment(name: str, moment: Any) -> dict[str, str]:
    return {f"{name}_0": f"{moment:%Y-%m-%d}", f"{name}_1": f"{moment:%H:%M:%S}"}
