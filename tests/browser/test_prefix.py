"""The element and the chat's page in a whole project of another team: below a prefix, with its own users and policy."""

from collections.abc import Callable

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.test_chat import in_room, say
from tests.host.conftest import Host, make_host  # noqa: F401 - a fixture

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def enter(browser: Browser, host: Host, name: str, path: str, faults: list[str]) -> Page:
    """A page of this person; what its policy forbids and what fails in its scripts is added to the faults."""
    context = await browser.new_context()
    page = await context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if "Security Policy" in line.text else None)
    await page.goto(f"{host.url}/enter/")
    await page.locator("select").select_option(value=host.people[name].key)
    await page.locator("form button").click()
    await expect(page.locator("p")).to_contain_text("Home of")
    await page.goto(f"{host.url}{path}")
    return page


@pytest.mark.parametrize("prefix", ["", "/site"])
async def test_people_talk_on_a_page_of_the_project_and_on_the_chats_own(
    browser: Browser,
    make_host: Callable[..., Host],  # noqa: F811 - the fixture
    prefix: str,
) -> None:
    host = make_host(HOST_USERS="email", HOST_PREFIX=prefix, HOST_DEBUG="1")
    faults: list[str] = []
    anna = await enter(browser, host, "anna", "/lobby/", faults)
    ben = await enter(browser, host, "ben", "/talk/rooms/lobby/", faults)
    await in_room(anna)
    await in_room(ben)
    await say(anna, "Hello")
    await expect(ben.locator(".message:not(.own) .content")).to_have_text("Hello")
    await say(ben, "Hello back")
    await expect(anna.locator(".content")).to_have_text(["Hello", "Hello back"])
    await expect(ben.locator("#home")).to_have_attribute("href", f"{prefix}/talk/")
    await ben.locator("#find-input").fill("new")
    await ben.locator("#find-input").press("Enter")
    await expect(ben).to_have_url(f"{host.url}/talk/rooms/new/")
    await expect(ben.get_by_role("button", name="Sign out")).to_have_count(0)
    await expect(ben.get_by_role("form", name="Language")).to_have_count(0)
    assert not faults
    for page in (anna, ben):
        await page.context.close()
