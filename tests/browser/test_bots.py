"""What a bot says on the page: marked beside its name, live and after loading."""

import asyncio
import json
import urllib.request

import pytest
from playwright.async_api import expect

from rooms.callers import CODE
from rooms.models import Room
from rooms.services import bots
from tests.browser.test_chat import Enter, in_room
from tests.support.servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def make_token(name: str) -> str:
    bot = bots.create(actor=CODE, name=f"bot-of-{name}")
    return bots.issue(actor=CODE, bot=bot, rooms=[Room.objects.get(name=name)]).text


def speak(url: str, token: str, text: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps({"content": text}).encode()
    urllib.request.urlopen(urllib.request.Request(url, body, headers)).close()  # noqa: S310 - our own server


async def test_a_message_of_a_bot_says_so(enter: Enter, uvicorn_server: ServerProcess) -> None:
    page = await enter("alice", "/rooms/bots/")
    await in_room(page)
    token = uvicorn_server.database.run(make_token, "bots")
    await asyncio.to_thread(speak, f"{uvicorn_server.url}/api/rooms/bots/messages", token, "built")
    message = page.locator(".message", has_text="built")
    await expect(message.locator(".byline .bot")).to_have_text("Bot")
    await page.reload()
    await in_room(page)
    await expect(message.locator(".byline .bot")).to_be_visible()
