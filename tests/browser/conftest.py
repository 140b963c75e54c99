"""A real browser, people with pages of their own in it, and for the client alone a page without a server.

The async library of Playwright: its sync one leaves a running event loop behind, which later tests would meet.
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest_asyncio
from playwright.async_api import Browser, Page, WebSocketRoute, async_playwright, expect

if TYPE_CHECKING:
    from tests.support.servers import ServerProcess

CLIENT = Path(__file__).resolve().parents[2] / "rooms/static/rooms/chat-client.js"
QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync"]  # a test's browser talks to the test's server alone
Frame = dict[str, Any]
ALICE = {"id": "1", "username": "alice", "roles": ["user"]}
BOB = {"id": "2", "username": "bob", "roles": ["user"]}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(browser_type_launch_args: dict[str, Any]) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        args = [*browser_type_launch_args["args"], *QUIET]
        browser = await playwright.chromium.launch(**{**browser_type_launch_args, "args": args})
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def enter(browser: Browser, uvicorn_server: "ServerProcess") -> AsyncIterator[Callable[..., Awaitable[Page]]]:
    """Signs somebody in on a page of their own, as they would by hand: `await enter("alice", "/rooms/general/")`.

    An error in a page's script, and anything the content security policy forbids, fails the test at its end.
    """
    contexts, faults = [], []

    async def enter(username: str, path: str = "/", *, is_superuser: bool = False, **options: Any) -> Page:
        person = uvicorn_server.person(username, is_superuser=is_superuser)
        context = await browser.new_context(base_url=uvicorn_server.url, **options)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
        await page.goto(f"/accounts/sign-in/?next={path}")
        await page.locator("#id_username").fill(person.username)
        await page.locator("#id_password").fill(person.password)
        await page.locator("main button").click()
        await expect(page.locator("#state[data-state=ready]")).to_be_visible()
        return page

    yield enter
    for context in contexts:
        await context.close()
    assert not faults


class Line:
    """The server's end of the client's sockets, in the test's hands: what came, what is answered, how it ends."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sockets: list[WebSocketRoute] = []
        self.knows_cookie = True
        self.user = ALICE
        self.received: list[Frame] = []
        self.answers: dict[str, Callable[[Frame], list[Frame]]] = {}
        self.answer("ping", lambda frame: [{"type": "pong"}])
        self.answer("auth", lambda frame: [self._signed_in()])
        self.answer("join-room", self._joined)

    def answer(self, type_: str, make: Callable[[Frame], list[Frame]]) -> None:
        """From now on commands of this type get these frames, the first of them with the command's id."""
        self.answers[type_] = make

    def _signed_in(self) -> Frame:
        return {"type": "auth-success", "user": self.user}

    @staticmethod
    def _joined(frame: Frame) -> list[Frame]:
        room = {"roomId": frame["roomId"]}
        joined = {"type": "room-joined", "memberCount": 1, "headSeq": 0, "epoch": "first", **room}
        return [joined, {"type": "message-history", "messages": [], **room}]

    def opened(self, socket: WebSocketRoute) -> None:
        self.sockets.append(socket)
        socket.on_message(lambda text: self._receive(socket, json.loads(text)))
        socket.send('{"type":"welcome"}')
        if self.knows_cookie:
            socket.send(json.dumps(self._signed_in()))

    def _receive(self, socket: WebSocketRoute, frame: Frame) -> None:
        self.received.append(frame)
        make = self.answers.get(frame["type"])
        for number, reply in enumerate(make(frame) if make else []):
            socket.send(json.dumps({**reply, "id": frame.get("id")} if number == 0 else reply))

    def send(self, frame: Frame) -> None:
        self.sockets[-1].send(json.dumps(frame))

    def of(self, type_: str) -> list[Frame]:
        return [frame for frame in self.received if frame["type"] == type_]

    async def until_sent(self, type_: str, count: int = 1) -> None:
        """Waits until the client has sent this number of commands of a type."""
        while len(self.of(type_)) < count:
            await self.page.evaluate("null")

    async def cut(self, code: int, reason: str = "") -> None:
        await self.sockets[-1].close(code=code, reason=reason)

    async def run(self, script: str) -> None:
        """Runs a script in the page, whatever its value is."""
        await self.page.evaluate(f"async () => {{ {script} }}")

    async def until(self, expression: str) -> None:
        """Waits for a condition in the page."""
        await self.page.wait_for_function(expression)


@pytest_asyncio.fixture(loop_scope="session")
async def line(browser: Browser) -> AsyncIterator[Line]:
    """A page with the client on it, connected: `client`, `states`, and `seen`, the contents of the messages it emitted.

    Its back-off begins at a millisecond, so that a test need not wait for it.
    """
    page = await browser.new_page()
    line = Line(page)
    await page.clock.install()
    await page.route_web_socket(re.compile(r"/ws$"), line.opened)
    await page.route(
        "http://chat.test/", lambda route: route.fulfill(content_type="text/html", body="<title>x</title>")
    )
    await page.route("http://chat.test/chat-client.js", lambda route: route.fulfill(path=CLIENT))
    await page.goto("http://chat.test/")
    await page.evaluate(
        """async () => {
            const { ChatClient } = await import("/chat-client.js");
            window.ChatClient = ChatClient;
            window.client = new ChatClient(undefined, { backoffMs: 1 });
            window.seen = [];
            window.states = [];
            client.on("chat-message", ({ content }) => seen.push(content));
            client.on("state", (frame) => states.push(frame));
            await client.connect();
        }"""
    )
    yield line
    await page.close()
