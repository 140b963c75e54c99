"""The pages around the chat: registering, signing in and out, language, theme, and a phone's width."""

import re

import pytest
from playwright.async_api import Browser, expect

from tests.browser.test_chat import Enter, in_room, say
from tests.support.servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_somebody_new_registers_and_is_in(browser: Browser, uvicorn_server: ServerProcess) -> None:
    page = await browser.new_page(base_url=uvicorn_server.url)
    await page.goto("/rooms/general/")
    await page.get_by_role("link", name="Make an account").click()
    await page.get_by_label("Username").fill("dora")
    await page.get_by_label("Password", exact=True).fill("a-long-way-home")
    await page.get_by_label("Password confirmation").fill("a-long-way-home")
    await page.get_by_role("button", name="Register").click()
    await expect(page.locator("#room-title")).to_have_text("general")
    await expect(page.locator(".me-name")).to_have_text("dora")
    await page.close()


async def test_signing_out_ends_the_chat(enter: Enter) -> None:
    alice = await enter("alice")
    await alice.get_by_role("button", name="Sign out").click()
    await expect(alice).to_have_url(re.compile("/accounts/sign-in/"))
    await alice.goto("/")
    await expect(alice).to_have_url(re.compile("/accounts/sign-in/"))


async def test_a_chinese_browser_gets_a_chinese_page(enter: Enter) -> None:
    alice = await enter("alice", "/rooms/general/", locale="zh-CN")
    await expect(alice.locator("#room-members")).to_have_text("1 人在这里")
    await expect(alice.locator("#state")).to_have_text("已连接")
    await expect(alice.locator("html")).to_have_attribute("lang", "zh-hans")


async def test_the_language_can_be_changed_and_the_room_stays_open(enter: Enter) -> None:
    alice = await enter("alice", "/rooms/general/")
    await in_room(alice)
    await alice.get_by_role("button", name="简体中文").click()
    await expect(alice.locator("#send")).to_have_attribute("title", "发送")
    await expect(alice.locator("#room-title")).to_have_text("general")


async def test_the_theme_follows_the_system_until_it_is_chosen_by_hand(enter: Enter) -> None:
    alice = await enter("alice", color_scheme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    assert await alice.evaluate(colour) == "rgb(18, 21, 26)"
    await alice.get_by_role("button", name="Light or dark").click()
    assert await alice.evaluate(colour) == "rgb(245, 244, 240)"
    await alice.reload()
    assert await alice.evaluate(colour) == "rgb(245, 244, 240)"


async def test_on_a_phone_rooms_and_talk_take_turns_and_nothing_is_wider_than_the_screen(enter: Enter) -> None:
    alice = await enter("alice", viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    await expect(alice.locator("#find-input")).to_be_visible()
    await alice.locator("#find-input").fill("a-room-with-" + "a-very-" * 8 + "long-name")
    await alice.locator("#create-room").click()
    await in_room(alice)
    await say(alice, "x" * 300)
    await expect(alice.locator(".message")).to_have_count(1)
    await expect(alice.locator("#find-input")).to_be_hidden()
    assert await alice.evaluate("document.documentElement.scrollWidth") == 360
    await alice.locator("#people-toggle").click()
    await expect(alice.locator("#people")).to_be_visible()
    await alice.keyboard.press("Escape")
    await expect(alice.locator("#people")).to_be_hidden()
    await alice.locator("#back").click()
    await expect(alice.locator("#find-input")).to_be_visible()
