"""A bot's answer on the page: it grows for all, is there after a reload, and who asked stops it."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from rooms.callers import CODE
from rooms.models import Message
from rooms.services import bots
from tests.browser.test_chat import in_room, say
from tests.flows.frames import enter as join
from tests.support.client import ChatClient
from tests.support.factories import make_room
from tests.support.servers import ServerProcess
from tests.support.streams import make_bot

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
Enter = Callable[..., Awaitable[Page]]


def _token() -> str:
    room = make_room("general")
    return bots.issue(actor=CODE, bot=make_bot(room).chat_bot, rooms=[room]).text


def _question() -> str:
    return str(Message.objects.get(content="Why?").pk)


async def test_an_answer_grows_until_who_asked_stops_it(enter: Enter, uvicorn_server: ServerProcess) -> None:
    token = uvicorn_server.database.run(_token)
    alice, bob = await enter("alice", "/rooms/general/"), await enter("bob", "/rooms/general/", locale="zh-CN")
    for page in (alice, bob):
        await in_room(page)
    async with ChatClient.connect(uvicorn_server.ws_url, token) as bot:
        await join(bot, "general")
        await say(alice, "Why?")
        await bot.expect("chat-message", content="Why?")
        start = await bot.call("message-start", roomId="general", replyTo=uvicorn_server.database.run(_question))
        place = {"roomId": "general", "messageId": start["messageId"]}
        for offset, text in [(0, "Because 🎉"), (9, " of https://example.org"), (32, "/a and")]:
            await bot.call("message-append", **place, offset=offset, text=text)
        text = "Because 🎉 of https://example.org/a and"
        for page in (alice, bob):
            await expect(page.locator(".streaming .text")).to_have_text(text)
            await expect(page.locator(".streaming .text")).to_be_visible()
            await expect(page.locator(".streaming .content")).to_have_attribute("aria-busy", "true")
        await expect(bob.locator(".stop")).to_have_count(0)
        await bob.reload()
        await expect(bob.locator(".streaming .text")).to_have_text(text)
        await bot.call("message-append", **place, offset=38, text=" more")
        await expect(bob.locator(".streaming .text")).to_have_text(f"{text} more")
        top = (await alice.locator(".streaming").bounding_box() or {})["y"]
        await alice.get_by_role("button", name="Stop", exact=True).click()
        await bot.expect("message-edited", messageId=start["messageId"], interrupted=True)
        await expect(alice.locator(".message:not(.own) .content")).to_have_text(f"{text} more (interrupted)")
        await expect(bob.locator(".message .content").last).to_have_text(f"{text} more （已中断）")
        await expect(alice.locator(".content a")).to_have_attribute("href", "https://example.org/a")
        await expect(alice.locator(".streaming, .stop")).to_have_count(0)
        assert abs((await alice.locator(".message").last.bounding_box() or {})["y"] - top) <= 1
