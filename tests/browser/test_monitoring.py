"""The admin's monitoring page, with people on real sockets: it follows them by itself."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.support.client import ChatClient
from tests.support.servers import PASSWORD, ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
expect.set_options(timeout=15_000)  # the page asks every 3 s, and a busy machine is slow to answer


@pytest_asyncio.fixture(loop_scope="session")
async def monitoring(browser: Browser, uvicorn_server: ServerProcess) -> AsyncIterator[Page]:
    """The page as a member of staff sees it; a script or style that the browser refuses fails the test."""
    complaints: list[str] = []
    page = await browser.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
    uvicorn_server.person("moderator", is_staff=True, is_superuser=True)
    await page.goto(f"{uvicorn_server.url}/admin/login/?next=/admin/monitoring/")
    await page.fill("#id_username", "moderator")
    await page.fill("#id_password", PASSWORD)
    await page.click("[type=submit]")
    await expect(page.locator("#status")).to_have_text("healthy")
    yield page
    assert complaints == []


async def test_people_and_rooms_come_and_go_by_themselves(uvicorn_server: ServerProcess, monitoring: Page) -> None:
    people, rooms = monitoring.locator("#online tr"), monitoring.locator("#rooms td")
    await expect(monitoring.locator("#online-empty")).to_be_visible()
    await expect(monitoring.locator("#rooms-empty")).to_be_visible()
    async with AsyncExitStack() as sockets:
        for username in ("<b>alice</b>", "bob"):
            token = uvicorn_server.person(username).token
            client = await sockets.enter_async_context(ChatClient.connect(uvicorn_server.ws_url, token))
            await client.send("join-room", roomId="lobby")
        await expect(people).to_have_count(2)
        await expect(people.first).to_contain_text("<b>alice</b>")
        await expect(people.first).to_contain_text("127.0.0.1")
        await expect(rooms).to_have_text(["lobby", "2", "<b>alice</b>, bob"])
        await expect(monitoring.locator("[data-number='connections.active']")).to_have_text("2")
        await expect(monitoring.locator("#online-empty")).to_be_hidden()
    await expect(people).to_have_count(0)
    await expect(monitoring.locator("[data-number='connections.active']")).to_have_text("0")
    await expect(monitoring.locator("[data-number='connections.total']")).to_have_text("2")


async def test_numbers_that_are_old_are_said_to_be_old(uvicorn_server: ServerProcess, monitoring: Page) -> None:
    await expect(monitoring.locator("#stale")).to_be_hidden()
    uvicorn_server.kill()
    await expect(monitoring.locator("#stale")).to_be_visible()
    uvicorn_server.restart()
    await expect(monitoring.locator("#stale")).to_be_hidden()


async def test_whoever_is_signed_out_meanwhile_is_led_to_the_sign_in(monitoring: Page) -> None:
    await monitoring.context.clear_cookies()
    await monitoring.wait_for_url("**/admin/login/**")
