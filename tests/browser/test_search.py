"""Searching messages on the page."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.browser.test_chat import in_room, say
from tests.support.factories import make_room
from tests.support.servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
Enter = Callable[..., Awaitable[Page]]


async def test_what_was_said_is_found_and_opens_its_room(enter: Enter, uvicorn_server: ServerProcess) -> None:
    uvicorn_server.database.run(make_room, "garden")
    alice = await enter("alice", "/rooms/garden/")
    await in_room(alice)
    await say(alice, "The tomatoes are ripe")
    await alice.locator("#home").click()
    await alice.get_by_role("button", name="Search messages").click()
    dialog = alice.get_by_role("dialog", name="Search messages")
    await dialog.get_by_label("Words or “a phrase”").fill("ripe tomatoes")
    found = dialog.get_by_role("link")

    async def search() -> int:
        await dialog.get_by_role("button", name="Search").click()
        await expect(dialog.locator(".dialog-status")).not_to_have_text("Searching…")
        return await found.count()

    while await search() == 0:  # until the message is indexed
        pass
    await expect(found.locator("mark")).to_have_text(["tomatoes", "ripe"])
    await found.click()
    await in_room(alice)
    await expect(alice).to_have_title("garden · Chat")


async def test_a_search_without_a_hit_and_one_that_is_refused_say_so(enter: Enter) -> None:
    alice = await enter("alice", viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    await alice.get_by_role("button", name="Search messages").click()
    dialog = alice.get_by_role("dialog")
    for query, says in (("tomatoes", "Nothing was found in your rooms."), ("...", "The server did not accept this.")):
        await dialog.get_by_role("searchbox").fill(query)
        await dialog.get_by_role("searchbox").press("Enter")
        await expect(dialog.locator(".dialog-status")).to_have_text(says)
    assert await alice.evaluate("document.documentElement.scrollWidth") == 360


async def test_a_person_who_is_found_by_name_is_written_to(enter: Enter, uvicorn_server: ServerProcess) -> None:
    uvicorn_server.person("benedict")
    alice = await enter("alice")
    await alice.get_by_role("button", name="Search messages").click()
    dialog = alice.get_by_role("dialog")
    await dialog.get_by_role("searchbox").fill("@ben")
    await dialog.get_by_role("searchbox").press("Enter")
    await dialog.get_by_role("list", name="People with this name").get_by_role("button", name="benedict").click()
    await in_room(alice)
    await expect(alice).to_have_title("benedict · Chat")
