"""The chat with a project's own users: any key, any name, any way to sign in."""

import asyncio
from typing import Any

from tests.host.conftest import Host, Visitor
from tests.support.client import ChatClient

NAMES = {"email": "Anna", "code": "K 7 anna", "plain": "anna"}


def name_of_anna(host: Host) -> str:
    assert host.env
    return NAMES[host.env["HOST_USERS"]]


def by_cookie(host: Host, visitor: Visitor) -> Any:
    origin = f"http://127.0.0.1:{host.port}"
    return ChatClient.connect(host.ws_url, headers={"Cookie": visitor.cookie}, origin=origin)


async def test_a_session_of_the_project_opens_the_socket(host: Host) -> None:
    async with by_cookie(host, host.anna) as anna:
        user = (await anna.expect("auth-success"))["user"]
    assert user == {"id": host.anna.key, "username": name_of_anna(host), "roles": ["user"]}


async def test_people_talk_and_read_what_was_said(host: Host) -> None:
    async with by_cookie(host, host.anna) as anna, ChatClient.connect(host.ws_url, host.ben.token) as ben:
        for client in (anna, ben):
            await client.call("join-room", roomId="talk")
        ack = await anna.call("chat-message", roomId="talk", content="Hello", clientId="1")
        message = await ben.expect("chat-message")
        again = await anna.call("chat-message", roomId="talk", content="Hello", clientId="1")
        history = await ben.call("get-history", roomId="talk")
        online = (await ben.call("get-online-users"))["users"]
    assert (ack["seq"], again["seq"], message["seq"]) == (1, 1, 1)
    assert history["messages"] == [
        {name: value for name, value in message.items() if name != "type"} | {"type": "chat-message"}
    ]
    assert message["user"]["id"] == host.anna.key
    assert message["user"]["username"] == name_of_anna(host)
    assert message["user"]["avatar"] == f"/assets/pictures/{host.anna.key}.png"
    assert {user["id"] for user in online} == {host.anna.key, host.ben.key}


async def test_people_read_type_and_meet_whatever_their_keys_are(host: Host) -> None:
    _, configuration = host.anna.get("/talk/config/", Cookie=host.anna.cookie)
    async with (
        ChatClient.connect(host.ws_url, host.anna.token) as anna,
        ChatClient.connect(host.ws_url, host.ben.token) as ben,
    ):
        named = (await ben.call("get-online-users"))["users"]
        [ben_named] = [user[configuration["namedBy"]] for user in named if user["id"] == host.ben.key]
        room = (await anna.call("open-direct", users=[ben_named]))["room"]
        assert {user["id"] for user in room["members"]} == {host.anna.key, host.ben.key}
        for client in (anna, ben):
            await client.call("join-room", roomId=room["id"])
        said = await anna.call("chat-message", roomId=room["id"], content="Hello")
        [unread] = (await ben.call("get-unread"))["rooms"]
        assert (unread["roomId"], unread["unread"]) == (room["id"], 1)
        await ben.call("mark-read", roomId=room["id"], seq=1)
        assert (await anna.expect("read-marker"))["user"]["id"] == host.ben.key
        readers = await anna.call("get-readers", roomId=room["id"], messageId=said["messageId"])
        assert [user["id"] for user in readers["users"]] == [host.ben.key]
        await ben.call("typing", roomId=room["id"])
        assert (await anna.expect("typing"))["user"]["id"] == host.ben.key


async def test_an_address_is_shown_to_nobody(intranet: Host) -> None:
    async with ChatClient.connect(intranet.ws_url, intranet.anna.token) as anna:
        await anna.call("join-room", roomId="addresses")
        await anna.call("chat-message", roomId="addresses", content="Hello")
        await anna.call("get-online-users")
        assert "intranet.example" not in str(anna.log)
    page = intranet.anna.rest("/talk/api/rooms/addresses/messages")
    assert "intranet.example" not in str(page)


async def test_people_are_reported_and_blocked_whatever_they_are_named_by(host: Host) -> None:
    _, configuration = host.anna.get("/talk/config/", Cookie=host.anna.cookie)
    async with (
        ChatClient.connect(host.ws_url, host.anna.token) as anna,
        ChatClient.connect(host.ws_url, host.ben.token) as ben,
    ):
        for client in (anna, ben):
            await client.call("join-room", roomId="quarrel")
        await ben.call("chat-message", roomId="quarrel", content="Rude")
        message = await anna.expect("chat-message", roomId="quarrel")
        name = message["user"][configuration["namedBy"]]
        assert (await anna.call("report-message", roomId="quarrel", messageId=message["messageId"], reason=""))[
            "type"
        ] == "ack"
        assert (await anna.call("report-user", username=name, reason=""))["type"] == "ack"
        assert (await anna.call("block-user", username=name, on=True))["type"] == "ack"
        users = (await anna.call("get-blocks"))["users"]
    assert [user["id"] for user in users] == [host.ben.key]
    status, answer = host.anna.rest("/talk/api/blocks")
    assert (status, answer["users"]) == (200, users)


async def test_a_token_that_the_project_does_not_know_is_refused(intranet: Host) -> None:
    async with ChatClient.connect(intranet.ws_url) as client:
        await client.send("auth", token="unknown")
        assert (await client.expect("auth-failed"))["message"] == "Not a token of the intranet"
        assert (await client.closed())[0] == 1008


async def test_a_superuser_has_the_roles_of_the_chat(host: Host) -> None:
    async with ChatClient.connect(host.ws_url) as eve:
        await eve.send("auth", token=host.eve.token)
        assert (await eve.expect("auth-success"))["user"]["roles"] == ["user", "moderator", "admin"]


async def test_permission_given_to_a_group_is_a_role_at_once(intranet: Host) -> None:
    async with ChatClient.connect(intranet.ws_url, intranet.ben.token) as ben:
        assert (await ben.call("admin-broadcast", content="Listen"))["code"] == "forbidden"
        intranet.run(
            "from django.contrib.auth.models import Group, Permission\n"
            "from people.models import Person\n"
            "group = Group.objects.create(name='speakers')\n"
            "group.permissions.add(Permission.objects.get(codename='administer'))\n"
            f"group.user_set.add('{intranet.ben.key}')"
        )
        async with asyncio.timeout(10):
            while (await ben.call("admin-broadcast", content="Listen"))["type"] != "ack":
                pass
