"""Reading on the page: unread counts, marking as unread, who is typing, direct rooms, what one is notified of."""

import pytest
from playwright.async_api import Page, expect

from rooms.callers import CODE
from rooms.models import Membership, Room
from rooms.services import room_settings
from tests.browser.test_chat import Enter, in_room, say
from tests.support.factories import make_room
from tests.support.servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def make_member(username: str, room: str) -> None:
    from accounts.models import User

    found = Room.objects.filter(name=room).first() or make_room(room)
    Membership.objects.create(room=found, user=User.objects.get(username=username))


def change_topic(room: str) -> None:
    room_settings.change_room(actor=CODE, room_id=Room.objects.get(name=room).pk, topic="news")


def level_of(username: str) -> str:
    return Membership.objects.get(user__username=username, room__name="hall").level


async def open_room(page: Page, name: str) -> None:
    await page.locator("#find-input").fill(name)
    await page.locator("#find-input").press("Enter")
    await in_room(page)


async def test_what_a_member_has_not_read_outlives_the_page_and_can_be_kept(
    enter: Enter, uvicorn_server: ServerProcess
) -> None:
    alice, bob = await enter("alice", "/rooms/one/"), await enter("bob")
    uvicorn_server.database.run(make_member, "alice", "hall")
    await open_room(bob, "hall")
    await say(bob, "first")
    await say(bob, "second")
    uvicorn_server.database.run(change_topic, "hall")
    await alice.reload()
    link = alice.get_by_role("link", name="hall")
    await expect(link.locator(".unread")).to_have_text("2")
    await link.click()
    await in_room(alice)
    await expect(link.locator(".unread")).to_be_hidden()
    await expect(alice.locator(".content").last).to_have_text("second")
    await expect(alice.locator(".notice-text").first).to_have_text("The site changed the topic to “news”.")
    await alice.locator(".message").last.locator(".actions-toggle").click()
    await alice.get_by_role("button", name="Mark as unread").click()
    await expect(link.locator(".unread")).to_have_text("1")
    await alice.reload()
    await expect(link.locator(".unread")).to_be_hidden()  # it is open, and read again
    await _is_read(alice)


async def _is_read(page: Page) -> None:
    """The server has it that nothing is unread."""
    while await page.evaluate(
        "fetch('/api/unread').then((answer) => answer.json()).then(({ rooms }) => rooms[0].unread)"
    ):
        await page.evaluate("null")


async def test_who_types_is_shown_until_they_have_sent_it(enter: Enter) -> None:
    alice, bob = await enter("alice", "/rooms/one/"), await enter("bob", "/rooms/one/")
    for page in (alice, bob):
        await in_room(page)
    await bob.locator("#composer-input").press_sequentially("Hel")
    await expect(alice.locator("#typing")).to_have_text("bob is typing…")
    await expect(bob.locator("#typing")).to_be_empty()
    await bob.locator("#composer-input").fill("")
    await expect(alice.locator("#typing")).to_be_empty()
    await bob.locator("#composer-input").fill("Hello")
    await expect(alice.locator("#typing")).to_have_text("bob is typing…")
    await bob.locator("#composer-input").press("Enter")
    await expect(alice.locator(".content")).to_have_text("Hello")
    await expect(alice.locator("#typing")).to_be_empty()


async def test_a_button_beside_a_name_opens_the_direct_room_of_the_two(enter: Enter) -> None:
    alice, bob = await enter("alice", "/rooms/one/"), await enter("bob", "/rooms/two/")
    await in_room(bob)
    await alice.locator("#online-list").get_by_role("button", name="Message bob").click()
    await in_room(alice)
    await expect(alice.locator("#room-title")).to_have_text("bob")
    await say(alice, "Only for you")
    link = bob.get_by_role("link", name="alice")
    await expect(link.locator(".unread")).to_have_text("1")
    await link.click()
    await expect(bob.locator("#room-title")).to_have_text("alice")
    await expect(bob.locator(".content")).to_have_text("Only for you")
    await expect(bob).to_have_title("alice · Chat")


async def test_one_hides_what_one_has_read(enter: Enter) -> None:
    alice = await enter("alice")
    hide = alice.get_by_label("Nobody else sees what I have read")
    await hide.check()
    while not await alice.evaluate("fetch('/api/unread').then((answer) => answer.json()).then(({ hidden }) => hidden)"):
        await alice.evaluate("null")
    await alice.reload()
    await expect(hide).to_be_checked()


async def test_a_member_chooses_what_to_be_notified_of(enter: Enter, uvicorn_server: ServerProcess) -> None:
    alice = await enter("alice")
    uvicorn_server.database.run(make_member, "alice", "hall")
    await open_room(alice, "hall")
    await alice.get_by_label("Notify me of").select_option("mentions")
    while uvicorn_server.database.run(level_of, "alice") != "mentions":
        await alice.evaluate("null")
    await alice.reload()
    await expect(alice.get_by_label("Notify me of")).to_have_value("mentions")
