"""People in real browsers, on a real server: they meet in a room, talk, come and go."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from tests.support.factories import make_message, make_room, make_user
from tests.support.servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
Enter = Callable[..., Awaitable[Page]]


async def say(page: Page, text: str) -> None:
    await page.locator("#composer-input").fill(text)
    await page.locator("#composer-input").press("Enter")


async def in_room(page: Page) -> None:
    await expect(page.locator("#room-members")).not_to_be_empty()


async def test_two_people_talk_in_one_room(enter: Enter) -> None:
    alice, bob = await enter("alice"), await enter("bob")
    await alice.locator("#find-input").fill("tea room")
    await alice.locator("#find-input").press("Enter")
    await in_room(alice)
    await bob.locator("#find-input").fill("tea")
    await bob.get_by_role("link", name="tea-room").click()
    await in_room(bob)
    await say(alice, "Is anybody here?")
    await expect(bob.locator(".message:not(.own) .content")).to_have_text("Is anybody here?")
    await say(bob, "I am.")
    await expect(alice.locator(".message:not(.own) .author")).to_have_text("bob")
    await expect(alice.locator(".content")).to_have_text(["Is anybody here?", "I am."])
    await expect(alice.locator(".unsent, .failed")).to_have_count(0)
    await expect(alice.locator("#room-members")).to_have_text("2 people here")


async def test_who_comes_and_goes_is_told(enter: Enter) -> None:
    alice = await enter("alice", "/rooms/general/")
    await in_room(alice)
    bob = await enter("bob", "/rooms/general/")
    await expect(alice.locator(".notice-text")).to_have_text("bob joined")
    await expect(alice.locator("#here-list .person-name")).to_have_text(["alice (you)", "bob"])
    await in_room(bob)
    await bob.locator("#leave").click()
    await expect(alice.locator(".notice-text")).to_have_text("bob left")
    await expect(alice.locator("#here-list .person-name")).to_have_text(["alice (you)"])
    await expect(alice.locator("#room-members")).to_have_text("1 person here")
    await expect(alice.locator("#online-list .person-name")).to_have_text(["alice (you)", "bob"])


async def test_markup_is_shown_as_text_and_only_web_addresses_become_links(enter: Enter) -> None:
    alice, bob = await enter("alice", "/rooms/general/"), await enter("bob", "/rooms/general/")
    await in_room(bob)
    text = '<img src=x onerror="document.title=1"><b>bold</b> javascript:alert(1) (see https://example.org/a_(b)).'
    await say(alice, text)
    content = bob.locator(".content")
    await expect(content).to_have_text(text)
    await expect(content.locator("img, b")).to_have_count(0)
    await expect(content.locator("a")).to_have_attribute("href", "https://example.org/a_(b)")
    await expect(content.locator("a")).to_have_attribute("rel", "noopener noreferrer nofollow")


async def test_what_turns_text_around_stays_within_its_own(enter: Enter) -> None:
    turned, edited = "\u202eevil\u2066", "\u202elive"
    alice = await enter("alice", "/rooms/general/")
    await in_room(alice)
    await say(alice, turned)
    await expect(alice.locator(".content .text")).to_have_text(turned)
    isolating = "element => getComputedStyle(element).unicodeBidi"
    for place in (".content .text", ".author", ".me-name", ".person-name", ".room-name", "#room-title"):
        assert await alice.locator(place).first.evaluate(isolating) == "isolate", place
    texts = await alice.evaluate(
        """async ([turned, hebrew]) => {
            const { configurationOfPage } = await import("/static/rooms/configuration.js");
            const { say } = configurationOfPage();
            return [say("joined", { name: turned }), say("you", { name: hebrew }), say("membersHere", { count: 2 })];
        }""",
        [edited, "דנה"],
    )
    assert texts == ["live joined", "\u2068דנה\u2069 (you)", "2 people here"]


async def test_shift_enter_breaks_the_line_and_the_draft_of_each_room_is_kept(enter: Enter) -> None:
    alice = await enter("alice", "/rooms/one/")
    field = alice.locator("#composer-input")
    await field.press_sequentially("first")
    await field.press("Shift+Enter")
    await field.press_sequentially("second")
    await alice.locator("#find-input").fill("two")
    await alice.locator("#find-input").press("Enter")
    await expect(alice.locator("#room-title")).to_have_text("two")
    await expect(field).to_have_value("")
    await alice.go_back()
    await expect(alice.locator("#room-title")).to_have_text("one")
    await expect(field).to_have_value("first\nsecond")
    await field.press("Enter")
    await expect(alice.locator(".content")).to_have_text("first\nsecond")


async def test_a_message_over_the_limit_cannot_be_sent(enter: Enter) -> None:
    alice = await enter("alice", "/rooms/general/")
    await alice.locator("#composer-input").fill("x" * 3_999)
    await expect(alice.locator("#composer-count")).to_have_text("1 character left")
    await alice.locator("#composer-input").fill("x" * 4_001)
    await expect(alice.locator("#composer-count")).to_have_text("1 character too many")
    await expect(alice.locator("#send")).to_be_disabled()
    await alice.locator("#composer-input").press("Enter")
    await expect(alice.locator(".message")).to_have_count(0)


async def test_older_messages_load_by_scrolling_up(enter: Enter, uvicorn_server: ServerProcess) -> None:
    uvicorn_server.database.run(_talk, 130)
    alice = await enter("alice", "/rooms/library/")
    contents = alice.locator(".content")
    await expect(contents.last).to_be_in_viewport()
    await expect(contents.last).to_have_text("message 130")
    await alice.locator("#log").hover()
    while await contents.count() < 130:
        before = await contents.count()
        await alice.mouse.wheel(0, -20_000)
        await expect(contents).not_to_have_count(before)
    assert await contents.all_inner_texts() == [f"message {number}" for number in range(1, 131)]
    await expect(alice.locator("#beginning")).to_have_text("This is where library begins.")


def _talk(count: int) -> None:
    room, author = make_room("library"), make_user("librarian")
    for _ in range(count):
        make_message(room, author)


async def test_what_is_said_elsewhere_is_counted_until_it_is_read(enter: Enter) -> None:
    alice, bob = await enter("alice", "/rooms/one/"), await enter("bob", "/rooms/one/")
    await in_room(alice)
    await alice.locator("#find-input").fill("two")
    await alice.locator("#find-input").press("Enter")
    await in_room(bob)
    await say(bob, "Where are you?")
    await expect(alice).to_have_title("(1) two · Chat")
    link = alice.get_by_role("link", name="one")
    await expect(link.locator(".unread")).to_have_text("1")
    await link.click()
    await expect(alice).to_have_title("one · Chat")
    await expect(alice.locator(".content")).to_have_text("Where are you?")


async def test_what_an_admin_says_to_everybody_is_shown_to_everybody(enter: Enter) -> None:
    alice, admin = await enter("alice"), await enter("admin", is_superuser=True)
    await admin.evaluate(
        """async () => {
            const { ChatClient } = await import("/static/rooms/chat-client.js");
            const client = new ChatClient();
            await client.connect();
            await client.send("admin-broadcast", { content: "<b>Tea</b> at four" });
        }"""
    )
    await expect(alice.locator(".banner-text")).to_have_text("<b>Tea</b> at four")
    await alice.locator(".banner button").click()
    await expect(alice.locator(".banner")).to_have_count(0)
