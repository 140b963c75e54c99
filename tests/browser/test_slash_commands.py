"""Slash commands on the page: offered while they are written, answered to their sender, kept when there is none."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.browser.test_chat import in_room, say

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
Enter = Callable[..., Awaitable[Page]]


async def test_commands_are_offered_carried_out_and_kept_when_there_is_none(enter: Enter) -> None:
    alice, bob = await enter("alice", "/rooms/one/", is_superuser=True), await enter("bob", "/rooms/one/")
    for page in (alice, bob):
        await in_room(page)
    field = alice.locator("#composer-input")
    await field.fill("/to")
    await alice.get_by_role("list", name="Commands").get_by_role("button", name="/topic").click()
    await expect(field).to_have_value("/topic ")
    await field.press_sequentially("news")
    await field.press("Enter")
    await expect(alice.locator(".answer .notice-text")).to_have_text("/topic news: done. Only you see this.")
    await expect(bob.locator(".notice-text").last).to_have_text("alice changed the topic to “news”.")
    await expect(bob.locator(".answer")).to_have_count(0)
    await say(alice, "/me waves")
    await expect(bob.locator(".action .content")).to_have_text("alice waves")
    await field.fill("/topics news")
    await field.press("Enter")
    await expect(alice.locator(".answer .notice-text").last).to_contain_text("There is no such command.")
    await expect(field).to_have_value("/topics news")
    await expect(alice.locator(".message")).to_have_count(1)
