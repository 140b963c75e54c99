"""Mentions on the page: chosen while one types, marked, counted, and listed for who was away."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.browser.test_chat import in_room
from tests.browser.test_reading import make_member, open_room
from tests.support.servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
Enter = Callable[..., Awaitable[Page]]


async def test_who_is_mentioned_sees_it_in_the_list_and_in_the_message(
    enter: Enter, uvicorn_server: ServerProcess
) -> None:
    bob = await enter("bob", viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    alice = await enter("alice")
    for name in ("alice", "bob"):
        uvicorn_server.database.run(make_member, name, "garden")
    await open_room(alice, "garden")
    composer = alice.get_by_role("textbox", name="Message")
    await composer.press_sequentially("hi @b")
    await expect(alice.locator(".mention-choices li")).to_have_text(["bob"])
    await composer.press("Enter")
    await composer.press_sequentially("and <b> @bobby")
    await composer.press("Enter")
    await expect(alice.locator(".message .mention")).to_have_text(["@bob"])
    await expect(alice.locator(".message .mention.mine")).to_have_count(0)
    await expect(bob.locator(".mentioned:visible")).to_have_text(["@1"])
    await bob.get_by_role("button", name="While you were away").click()
    dialog = bob.get_by_role("dialog", name="While you were away")
    await expect(dialog.get_by_role("link").first).to_contain_text("alice mentioned you in garden")
    assert await bob.evaluate("document.documentElement.scrollWidth") == 360
    await dialog.get_by_role("link").first.click()
    await in_room(bob)
    await expect(bob.locator(".message.concerning .mention.mine")).to_have_text(["@bob"])
    await bob.get_by_role("link", name="To the rooms").click()
    await expect(bob.locator(".mentioned:visible")).to_have_count(0)
