"""Pinning on the page: by the action of a message, seen by everybody there, listed and taken away again."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.browser.test_message_actions import open_actions
from tests.support.factories import make_message, make_room, make_user
from tests.support.servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
Enter = Callable[..., Awaitable[Page]]


async def test_a_moderator_pins_a_message_and_everybody_finds_it(enter: Enter, uvicorn_server: ServerProcess) -> None:
    def prepare() -> None:
        make_message(make_room("general"), make_user("mallory"), "The rules of this room")

    uvicorn_server.database.run(prepare)
    moderator = await enter("alice", "/rooms/general/", is_superuser=True)
    member = await enter("bob", "/rooms/general/")
    actions = await open_actions(member)
    await expect(actions.get_by_role("button", name="Reply")).to_be_visible()
    await expect(actions.get_by_role("button", name="Pin")).to_have_count(0)
    actions = await open_actions(moderator)
    await actions.get_by_role("button", name="Pin").click()
    await expect(member.locator(".message .content")).to_have_text("The rules of this room (pinned)")
    await expect(member.locator(".notice-text").last).to_have_text("alice pinned a message.")
    await member.get_by_role("button", name="Pinned messages").click()
    dialog = member.get_by_role("dialog", name="Pinned messages")
    await expect(dialog.get_by_role("listitem")).to_contain_text("The rules of this room")
    await expect(dialog.get_by_role("button", name="Unpin")).to_have_count(0)
    await moderator.get_by_role("button", name="Pinned messages").click()
    dialog = moderator.get_by_role("dialog", name="Pinned messages")
    await dialog.get_by_role("button", name="Unpin").click()
    await expect(dialog.get_by_role("status")).to_have_text("Nothing is pinned here.")
    await expect(member.locator(".message .content")).to_have_text("The rules of this room")
