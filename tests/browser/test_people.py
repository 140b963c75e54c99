"""Names on open pages: authors of what is loaded get their new name, and a deleted user's is nobody's."""

import pytest
from playwright.async_api import Page, expect

from tests.browser.test_chat import Enter, in_room, say
from tests.support.servers import PASSWORD, ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def rename(admin: Page, user_id: int, name: str) -> None:
    await admin.goto(f"/admin/chat_accounts/user/{user_id}/change/")
    await admin.locator("#id_username").fill(name)
    await admin.locator("[name=_save]").click()
    await expect(admin.locator(".success")).to_be_visible()


async def test_a_new_name_reaches_what_is_loaded(enter: Enter, uvicorn_server: ServerProcess) -> None:
    alice, bob = await enter("alice", "/rooms/general/"), await enter("bob", "/rooms/general/")
    await in_room(alice)
    await in_room(bob)
    await say(alice, "Hello")
    await say(alice, "Anybody here?")
    await expect(bob.locator(".content")).to_have_count(2)
    admin = await enter("admin", is_superuser=True)
    user_id = await alice.evaluate("JSON.parse(document.getElementById('chat-config').textContent).me.id")
    uvicorn_server.database.run(_make_staff)
    await rename(admin, int(user_id), "zoe")
    await expect(bob.locator(".message .author")).to_have_text(["zoe", "zoe"])
    await expect(bob.locator(".message .avatar").first).to_have_text("Z")
    await expect(bob.locator("#here-list .person-name")).to_have_text(["bob (you)", "zoe"])
    await expect(alice.locator(".me-name")).to_have_text("zoe")


def _make_staff() -> None:
    from accounts.models import User

    User.objects.filter(username="admin").update(is_staff=True)


async def test_a_deleted_account_has_no_name_on_open_pages(enter: Enter, uvicorn_server: ServerProcess) -> None:
    alice = await enter("alice", "/rooms/general/")
    bob = await enter("bob", "/rooms/general/", locale="zh-CN")
    await in_room(alice)
    await in_room(bob)
    await say(alice, "Goodbye")
    await expect(bob.locator(".content")).to_have_text("Goodbye")
    await alice.goto("/accounts/me/")
    await alice.locator("#id_erase-password").fill(PASSWORD)
    await alice.get_by_role("button", name="Delete my account").click()
    await expect(alice.locator("h1")).to_have_text("Your account has been deleted")
    await expect(bob.locator(".message .author")).to_have_text("已删除的用户")
    await expect(bob.locator(".content")).to_have_text("Goodbye")


async def test_the_account_is_a_link_of_the_chat_page(enter: Enter) -> None:
    alice = await enter("alice")
    await alice.get_by_role("link", name="Your account").click()
    await expect(alice.locator("h1")).to_have_text("Your account")
    await expect(alice.locator(".this-device")).to_have_text("This browser")
