"""<chat-room> on a page of another project: its stylesheet is hostile, its policy allows only files of the site."""

import json
import re

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Route, WebSocket, WebSocketRoute, expect

from rooms.models import Message, Room
from tests.browser.test_chat import Enter, in_room, say
from tests.browser.test_connection import _ban
from tests.support.factories import make_message, make_room, make_user
from tests.support.servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'"
)
STYLE = """
html { font-size: 7px; }
body, body * { color: red; font: italic 40px/3 cursive; letter-spacing: 1em; text-transform: uppercase; }
body p, button, textarea, ol, ul, h2, .content, .message, .composer, #log { display: none !important; }
:root, body * { --accent: red; --ink: red; --surface: red; }
.box { width: 600px; height: 400px; }
.narrow { width: 360px; }
.themed { --chat-accent: rgb(1, 2, 3); --chat-surface: rgb(4, 5, 6); }
"""
ELEMENT = '<chat-room config="/config/" room="{}"></chat-room>'


def general(box: str = "box") -> str:
    return f'<div class="{box}">{ELEMENT.format("general")}</div>'


async def visit(page: Page, body: str) -> None:
    """Opens a page of the project that has this body."""
    html = (
        '<!DOCTYPE html><link rel="stylesheet" href="/host.css">'
        f'<script type="module" src="/static/rooms/chat-room.js"></script><body>{body}<p class="button">A paragraph</p>'
    )

    async def serve(route: Route) -> None:
        await route.fulfill(content_type="text/html", body=html, headers={"Content-Security-Policy": POLICY})

    await page.context.grant_permissions(
        ["local-network-access"]
    )  # Chromium takes a page of the test's for a remote one
    await page.route("**/host/", serve)
    await page.route("**/host.css", lambda route: route.fulfill(content_type="text/css", body=STYLE))
    await page.goto("/host/")


async def style(page: Page, selector: str, name: str) -> str:
    """A computed property of the first element."""
    script = "(element, name) => getComputedStyle(element).getPropertyValue(name)"
    return str(await page.locator(selector).first.evaluate(script, name))


async def test_it_is_a_whole_conversation_that_neither_stylesheet_harms(enter: Enter) -> None:
    bob = await enter("bob", "/rooms/general/")
    alice = await enter("alice")
    await visit(alice, general())
    await in_room(alice)
    await say(alice, "Hello from another page")
    await expect(bob.locator(".message:not(.own) .content")).to_have_text("Hello from another page")
    await say(bob, "Hello back")
    await expect(alice.locator(".content")).to_have_text(["Hello from another page", "Hello back"])
    await expect(alice.locator("#room-members")).to_have_text("2 people here")
    for name, value in (("color", "rgb(32, 37, 45)"), ("font-size", "16px"), ("letter-spacing", "normal")):
        assert await style(alice, ".content", name) == value
    assert await style(alice, "p.button", "background-color") == "rgba(0, 0, 0, 0)"
    assert await alice.locator("chat-room").bounding_box() == {"x": 8, "y": 8, "width": 600, "height": 400}
    await expect(alice.locator("#send")).to_be_in_viewport()


async def test_in_a_box_without_a_height_it_has_one_of_its_own(enter: Enter) -> None:
    alice = await enter("alice")
    await visit(alice, general(box="narrow"))
    await in_room(alice)
    await say(alice, "x" * 500)
    await expect(alice.locator(".message")).to_have_count(1)
    box = await alice.locator("chat-room").bounding_box()
    assert box
    assert (box["width"], box["height"]) == (360, 512)
    assert await alice.locator("#log").evaluate("log => log.scrollWidth <= log.clientWidth")
    await expect(alice.locator("#composer-help")).to_be_hidden()


async def test_history_loads_by_scrolling_up_and_focus_is_in_the_composer(
    enter: Enter, uvicorn_server: ServerProcess
) -> None:
    uvicorn_server.database.run(_talk, 70)
    alice = await enter("alice")
    await visit(alice, general())
    await expect(alice.locator(".content")).to_have_count(50)
    await expect(alice.locator(".content").last).to_be_in_viewport()
    await alice.locator("#log").evaluate("log => (log.scrollTop = 0)")
    await expect(alice.locator(".content")).to_have_count(70)
    await alice.evaluate("document.querySelector('chat-room').focus()")
    await expect(alice.locator("#composer-input")).to_be_focused()


def _talk(count: int) -> None:
    room, author = make_room("general"), make_user("librarian")
    for _ in range(count):
        make_message(room, author)


async def test_two_elements_share_one_connection_and_may_show_one_room(
    enter: Enter, uvicorn_server: ServerProcess
) -> None:
    uvicorn_server.database.run(_talk, 3)
    alice = await enter("alice")
    sockets: list[WebSocket] = []
    alice.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108 - Playwright marks its handlers
    await visit(alice, general())
    first = alice.locator("chat-room").first
    await expect(first.locator(".content")).to_have_count(3)
    await alice.evaluate("document.body.append(document.querySelector('chat-room').cloneNode())")
    second = alice.locator("chat-room").last
    await expect(second.locator(".content")).to_have_text(["message 1", "message 2", "message 3"])
    await second.locator("#composer-input").fill("seen twice")
    await second.locator("#composer-input").press("Enter")
    for element in (first, second):
        await expect(element.locator(".content")).to_have_text(["message 1", "message 2", "message 3", "seen twice"])
        await expect(element.locator(".unsent, .failed")).to_have_count(0)
    await second.evaluate("element => element.setAttribute('room', 'other')")
    await expect(second.locator("#room-title")).to_have_text("other")
    await expect(second.locator("#room-members")).to_have_text("1 person here")
    await expect(second.locator(".content")).to_have_count(0)
    await expect(first.locator(".content")).to_have_count(4)
    assert (
        await alice.evaluate("new Set([...document.querySelectorAll('chat-room')].map(each => each.client)).size") == 1
    )
    assert len(sockets) == 1


async def test_the_connection_is_one_also_for_scripts_that_were_loaded_under_another_address(enter: Enter) -> None:
    alice = await enter("alice")
    await visit(alice, general())
    await in_room(alice)
    assert await alice.evaluate(
        """async () => {
            await import("/static/rooms/chat-room.js?again");
            const { SharedChat } = await import("/static/rooms/shared-chat.js?again");
            const configuration = await (await fetch("/config/")).json();
            return SharedChat.open(configuration).client === document.querySelector("chat-room").client;
        }"""
    )


async def test_another_room_in_the_attribute_leaves_the_one_before(enter: Enter) -> None:
    bob = await enter("bob", "/rooms/general/")
    await in_room(bob)
    alice = await enter("alice")
    await visit(alice, general())
    await expect(bob.locator(".notice-text")).to_have_text("alice joined")
    await alice.locator("#composer-input").fill("a draft")
    await alice.evaluate("document.querySelector('chat-room').setAttribute('room', 'other')")
    await expect(alice.locator("#room-title")).to_have_text("other")
    await expect(alice.locator("#composer-input")).to_have_value("")
    await expect(bob.locator(".notice-text")).to_have_text("alice left")
    await alice.evaluate("document.querySelector('chat-room').setAttribute('room', 'general')")
    await expect(bob.locator(".notice-text")).to_have_text("alice joined")
    await expect(alice.locator("#composer-input")).to_have_value("a draft")
    await alice.evaluate("document.querySelector('chat-room').setAttribute('label', 'Tea & cake')")
    await expect(alice.locator("#room-title")).to_have_text("Tea & cake")
    await alice.evaluate("document.querySelector('chat-room').removeAttribute('room')")
    await expect(alice.locator("#composer")).to_be_hidden()
    await expect(bob.locator(".notice-text")).to_have_text("alice left")


async def test_a_removed_element_leaves_its_room_unless_another_shows_it(enter: Enter) -> None:
    bob = await enter("bob", "/rooms/general/")
    await in_room(bob)
    alice = await enter("alice")
    await visit(alice, general() + general())
    await expect(bob.locator(".notice-text")).to_have_text("alice joined")
    await alice.evaluate("window.client = document.querySelector('chat-room').client")
    await alice.evaluate("window.removed = document.querySelector('chat-room'); removed.remove()")
    await say(alice, "still here")
    await expect(bob.locator(".content")).to_have_text("still here")
    await expect(bob.locator(".notice-text")).to_have_text(["alice joined"])
    await alice.evaluate("document.querySelector('chat-room').remove()")
    await expect(bob.locator(".notice-text")).to_have_text(["alice joined", "alice left"])
    assert await alice.evaluate("client.state") == "closed"
    assert await alice.evaluate("removed.client") is None
    assert await alice.evaluate("removed.shadowRoot.childElementCount") == 0
    await alice.evaluate("document.querySelector('.box').append(removed)")
    await expect(alice.locator(".content")).to_have_text("still here")
    await expect(bob.locator(".notice-text")).to_have_text(["alice joined", "alice joined"])


async def test_an_element_that_is_moved_keeps_its_connection_and_what_waits(enter: Enter) -> None:
    alice = await enter("alice")
    await visit(alice, general() + '<div class="narrow"></div>')
    await in_room(alice)
    before = await alice.evaluate_handle("document.querySelector('chat-room').client")
    await alice.locator("#composer-input").fill("half a sentence")
    await alice.evaluate("document.querySelector('.narrow').append(document.querySelector('chat-room'))")
    await expect(alice.locator(".narrow #composer-input")).to_have_value("half a sentence")
    assert await alice.evaluate("before => before === document.querySelector('chat-room').client", before)
    assert await alice.evaluate("before => before.state", before) == "ready"


async def test_its_events_let_a_page_count_what_is_unread(enter: Enter) -> None:
    bob = await enter("bob", "/rooms/general/")
    alice = await enter("alice")
    await visit(alice, "")
    await alice.evaluate(
        """() => {
            window.seen = [];
            const note = ({ detail }) => seen.push([detail.content ?? detail.state, detail.isOwn ?? null]);
            for (const type of ["chat-message", "chat-state"]) document.addEventListener(type, note);
            const element = document.createElement("chat-room");
            element.setAttribute("config", "/config/");
            element.setAttribute("room", "general");
            document.body.append(element);
        }"""
    )
    await in_room(alice)
    await say(alice, "mine")
    await expect(bob.locator(".content")).to_have_text("mine")
    await say(bob, "yours")
    await expect(alice.locator(".content")).to_have_text(["mine", "yours"])
    assert await alice.evaluate("seen.slice(-3)") == [["ready", None], ["mine", True], ["yours", False]]


async def test_what_the_site_has_for_a_person_is_an_event_too(enter: Enter) -> None:
    alice = await enter("alice")
    sockets: list[WebSocketRoute] = []

    def between(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    await alice.route_web_socket("**/ws?*", between)
    await visit(alice, general())
    await in_room(alice)
    await alice.evaluate("document.addEventListener('chat-notification', ({ detail }) => (window.told = detail))")
    sockets[0].send(json.dumps({"type": "notification", "event": "shipped", "data": {"order": 34}}))
    await alice.wait_for_function("window.told")
    assert await alice.evaluate("told") == {"event": "shipped", "data": {"order": 34}}


async def test_who_may_not_enter_is_told_why_and_so_is_the_page(enter: Enter, uvicorn_server: ServerProcess) -> None:
    uvicorn_server.database.run(make_room, "general")
    alice = await enter("alice")
    uvicorn_server.database.run(_ban, "alice")
    await visit(alice, general())
    await expect(alice.locator("#refusal")).to_have_text("You are banned here.")
    await expect(alice.locator("#composer")).to_be_hidden()
    await alice.evaluate(
        """() => {
            document.addEventListener("chat-refused", ({ detail }) => (window.refused = detail));
            document.querySelector("chat-room").setAttribute("room", "general");
        }"""
    )
    await alice.wait_for_function("window.refused")
    assert await alice.evaluate("[refused.roomId, refused.code]") == ["general", "banned"]


async def test_a_lost_connection_is_shown_and_what_was_written_is_sent_later(
    enter: Enter, uvicorn_server: ServerProcess
) -> None:
    alice = await enter("alice")
    await visit(alice, general())
    await in_room(alice)
    uvicorn_server.kill()
    await expect(alice.get_by_role("button", name="Try now")).to_be_visible()
    await say(alice, "later")
    await expect(alice.locator(".unsent .content")).to_have_text("later")
    uvicorn_server.start()
    await alice.get_by_role("button", name="Try now").click()
    await expect(alice.locator(".unsent")).to_have_count(0)
    await expect(alice.locator("#strip")).to_be_hidden()
    assert uvicorn_server.database.run(_contents) == ["later"]


def _contents() -> list[str]:
    return list(Message.objects.filter(room=Room.objects.get(name="general")).values_list("content", flat=True))


async def test_without_a_sign_in_there_is_a_link_that_leads_back(
    browser: Browser, uvicorn_server: ServerProcess
) -> None:
    page = await browser.new_page(base_url=uvicorn_server.url, locale="zh-CN")
    faults: list[ConsoleMessage] = []
    page.on("console", lambda line: faults.append(line) if "Security" in line.text else None)
    await visit(page, general())
    link = page.get_by_role("link", name="登录后即可在这里阅读和发言")
    await expect(link).to_have_attribute("href", f"{uvicorn_server.url}/accounts/sign-in/?next=%2Fhost%2F")
    assert await style(page, "chat-room .button", "background-color") == "rgb(11, 110, 99)"
    await page.close()
    assert not faults


async def test_a_configuration_that_does_not_come_is_asked_for_again(enter: Enter) -> None:
    alice = await enter("alice")
    asked: list[Route] = []

    async def fail_once(route: Route) -> None:
        asked.append(route)
        await (route.fulfill(status=502) if len(asked) == 1 else route.continue_())

    await alice.route("**/config/", fail_once)
    await visit(alice, general() + general())
    await expect(alice.locator("#room-members")).to_have_text(["1 person here", "1 person here"])
    assert len(asked) == 2


async def test_it_speaks_the_readers_language_whatever_that_of_the_page(enter: Enter) -> None:
    alice = await enter("alice", locale="zh-CN")
    await visit(alice, general())
    await expect(alice.locator("#room-members")).to_have_text("1 人在这里")
    await expect(alice.locator("#send")).to_have_attribute("title", "发送")
    await expect(alice.get_by_label("发消息到 general")).to_be_visible()
    await expect(alice.locator("section.chat-room")).to_have_attribute("lang", "zh-hans")


async def test_it_is_light_or_dark_as_the_system_unless_the_page_says_so(enter: Enter) -> None:
    light, dark = "rgb(255, 255, 255)", "rgb(25, 29, 36)"
    alice = await enter("alice", color_scheme="dark")
    await visit(alice, general())
    await in_room(alice)

    async def after(script: str) -> str:
        await alice.evaluate(script)
        return await style(alice, "section.chat-room", "background-color")

    assert await after("null") == dark
    assert await after("document.body.dataset.theme = 'light'") == light
    assert await after("document.querySelector('chat-room').setAttribute('theme', 'dark')") == dark
    assert await after("document.querySelector('chat-room').setAttribute('theme', 'light')") == light
    assert await after("document.querySelector('chat-room').removeAttribute('theme')") == light
    assert await after("delete document.body.dataset.theme") == dark


async def test_a_page_sets_colours_by_variables(enter: Enter) -> None:
    alice = await enter("alice")
    await visit(alice, general(box="box themed"))
    await in_room(alice)
    await alice.locator("#composer-input").fill("x")
    await expect(alice.locator("#send")).to_have_css("background-color", "rgb(1, 2, 3)")
    assert await style(alice, "section.chat-room", "background-color") == "rgb(4, 5, 6)"


async def test_readers_aloud_find_the_same_names_and_roles_as_on_the_page(enter: Enter) -> None:
    alice = await enter("alice")
    await visit(alice, ELEMENT.format("general").replace("></", ' heading-level="3"></'))
    await in_room(alice)
    await expect(alice.get_by_role("heading", name="general", level=3)).to_be_visible()
    await expect(alice.get_by_role("region", name="general")).to_be_visible()
    await expect(alice.get_by_role("log", name="Messages")).to_have_attribute("aria-live", "polite")
    await expect(alice.get_by_role("textbox", name="Message to general")).to_be_visible()
    await expect(alice.get_by_role("button", name="Send")).to_be_disabled()


async def test_people_with_pictures_are_shown_with_them(enter: Enter) -> None:
    alice = await enter("alice")
    found = await alice.evaluate(
        """async () => {
            const { paintAvatar } = await import("/static/rooms/avatar.js");
            const painted = (user) => {
                const element = document.createElement("span");
                paintAvatar(element, { id: "1", username: "alice", ...user });
                return element.innerHTML;
            };
            return [painted({}), painted({ avatar: "/pictures/alice.png" })];
        }"""
    )
    assert found == ["A", '<img src="/pictures/alice.png" alt="">']


async def test_the_page_of_the_site_is_the_same_element_with_links_of_its_own_in_the_head(enter: Enter) -> None:
    alice = await enter("alice", "/rooms/general/")
    await in_room(alice)
    await expect(alice.locator("chat-room #log")).to_be_visible()
    await expect(alice.locator("chat-room").get_by_role("button", name="Leave")).to_be_visible()
    await expect(alice.locator("#strip")).to_be_hidden()
    await alice.keyboard.press("Tab")
    await alice.locator("#skip").focus()
    await alice.keyboard.press("Enter")
    await expect(alice.locator("#composer-input")).to_be_focused()
    await expect(alice).to_have_url(re.compile("/rooms/general/$"))


async def test_the_label_leads_to_the_page_of_the_object_and_to_no_script(enter: Enter) -> None:
    alice = await enter("alice")
    await visit(alice, '<chat-room room="general" config="/config/" label="Order 7" link="/orders/7/"></chat-room>')
    link = alice.get_by_role("heading").get_by_role("link", name="Order 7")
    await expect(link).to_have_attribute("href", re.compile(r"^http://[^/]+/orders/7/$"))
    for address in ("javascript:alert(1)", "http://[", ""):
        await alice.evaluate("link => document.querySelector('chat-room').setAttribute('link', link)", address)
        await expect(alice.get_by_role("heading").get_by_role("link")).to_have_count(0)
        await expect(alice.get_by_role("heading")).to_have_text("Order 7")
