"""What somebody does to their own account, on open sockets: devices that end, names that change, accounts that go."""

import asyncio
import json
import urllib.request
from typing import Any

from tests.support.client import ChatClient
from tests.support.factories import PASSWORD
from tests.support.servers import Person, ServerProcess

WITHIN = 1.0  # seconds in which a change of rights reaches an open socket


async def ask(server: ServerProcess, method: str, path: str, token: str = "", **body: str) -> Any:
    """One request; its JSON, or None."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(f"{server.url}/api/{path}", data, headers, method=method)  # noqa: S310 - our own

    def send() -> Any:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - the same
            return json.loads(answer.read() or "null")

    return await asyncio.to_thread(send)


async def sign_in(server: ServerProcess, person: Person) -> str:
    """The token of a new device."""
    answer = await ask(server, "POST", "auth", username=person.username, password=PASSWORD)
    return str(answer["token"])


async def test_an_ended_device_loses_its_sockets_and_the_others_stay(server: ServerProcess, alice: Person) -> None:
    mine, other = await sign_in(server, alice), await sign_in(server, alice)
    devices = (await ask(server, "GET", "me/devices", mine))["devices"]
    ended = next(device["id"] for device in devices if not device["current"])
    async with ChatClient.connect(server.ws_url, mine) as here, ChatClient.connect(server.ws_url, other) as there:
        await here.call("get-rooms")
        await there.call("get-rooms")
        await ask(server, "DELETE", f"me/devices/{ended}", mine)
        assert (await there.closed(WITHIN))[0] == 4101
        await here.call("get-rooms")


async def test_a_browser_that_was_ended_loses_its_sockets(server: ServerProcess, alice: Person) -> None:
    def browser() -> str:
        from django.test import Client

        from accounts.models import User

        client = Client()
        client.force_login(User.objects.get(pk=alice.id))
        return client.cookies["sessionid"].value

    cookie = {"Cookie": f"sessionid={server.database.run(browser)}"}
    mine = await sign_in(server, alice)
    devices = (await ask(server, "GET", "me/devices", mine))["devices"]
    ended = next(device["id"] for device in devices if device["browser"])
    async with ChatClient.connect(server.ws_url, headers=cookie, origin=server.url) as page:
        await page.expect("auth-success")
        await ask(server, "DELETE", f"me/devices/{ended}", mine)
        assert (await page.closed(WITHIN))[0] == 4101
    async with ChatClient.connect(server.ws_url, headers=cookie, origin=server.url) as page:
        assert (await page.call("get-rooms"))["code"] == "auth-required"


async def test_a_new_password_ends_every_other_socket(server: ServerProcess, alice: Person) -> None:
    mine, other = await sign_in(server, alice), await sign_in(server, alice)
    async with ChatClient.connect(server.ws_url, other) as there:
        await there.call("get-rooms")
        answer = await ask(server, "POST", "me/password", mine, password=PASSWORD, newPassword="another-long-one")
        assert (await there.closed(WITHIN))[0] == 4101
    async with ChatClient.connect(server.ws_url, answer["token"]) as here:
        await here.call("get-rooms")


async def test_everybody_learns_that_an_account_is_no_more(
    server: ServerProcess, alice: Person, bob: Person, room: str
) -> None:
    mine = await sign_in(server, alice)
    async with ChatClient.connect(server.ws_url, mine) as here, ChatClient.connect(server.ws_url, bob.token) as there:
        for client in (here, there):
            await client.call("join-room", roomId=room)
        await here.call("chat-message", roomId=room, content="I was here")
        await ask(server, "POST", "me/erase", mine, password=PASSWORD)
        user = {"id": str(alice.id), "username": "deleted user"}
        await there.expect("user-updated", within=WITHIN, user=user, deleted=True)
        assert (await here.closed(WITHIN))[0] == 4101
        history = await there.call("get-history", roomId=room)
        message = history["messages"][0]
        assert (message["user"]["id"], message["content"]) == ("0", "I was here")
