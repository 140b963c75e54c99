"""Members of a room on the chat page: following, inviting by name and by a link."""

import re

import pytest
from playwright.async_api import expect

from accounts.models import User
from rooms.models import Membership, Room
from tests.browser.test_chat import Enter, in_room, say
from tests.support.factories import make_room
from tests.support.servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_somebody_follows_a_room_and_stops(enter: Enter, uvicorn_server: ServerProcess) -> None:
    uvicorn_server.database.run(make_room, "general")
    alice = await enter("alice", "/rooms/general/", viewport={"width": 1280, "height": 800})
    follow = alice.locator("#follow")
    await follow.click()
    await expect(follow).to_have_text("Stop following")
    await expect(alice.locator("#members-list .person-name")).to_have_text(["alice (you)"])
    await follow.click()
    await expect(follow).to_have_text("Follow this room")
    await expect(alice.locator("#members-list li")).to_have_count(0)


async def test_who_writes_in_a_room_is_a_member(enter: Enter, uvicorn_server: ServerProcess) -> None:
    uvicorn_server.database.run(make_room, "general")
    alice = await enter("alice", "/rooms/general/", viewport={"width": 1280, "height": 800})
    await in_room(alice)
    await say(alice, "hello")
    await expect(alice.locator("#follow")).to_have_text("Stop following")
    await expect(alice.locator("#members-list .person-name")).to_have_text(["alice (you)"])


async def test_an_owner_invites_by_name_and_by_a_link(enter: Enter, uvicorn_server: ServerProcess) -> None:
    alice = await enter("alice", viewport={"width": 1280, "height": 800})
    bob, carol = await enter("bob"), await enter("carol")

    def own() -> None:
        room = make_room("private", kind=Room.Kind.PRIVATE, title="Garden")
        Membership.objects.create(room=room, user=User.objects.get(username="alice"), role="owner")

    uvicorn_server.database.run(own)
    await carol.goto("/rooms/private/")
    await expect(carol.locator("#refusal")).to_have_text("This name is taken, or the room is not open to you.")
    await alice.goto("/rooms/private/")
    await alice.get_by_label("Invite somebody by name").fill("nobody")
    await alice.get_by_role("button", name="Invite", exact=True).click()
    await expect(alice.locator("#members-note")).to_have_text("There is nobody of this name.")
    await alice.get_by_label("Invite somebody by name").fill("bob")
    await alice.get_by_role("button", name="Invite", exact=True).click()
    await expect(alice.locator("#members-note")).to_have_text("bob is a member now.")
    await expect(alice.locator("#members-list .person-name")).to_have_text(["alice (you)", "bob"])
    await expect(alice.locator("#members-list .member-role").first).to_have_text("owner")
    await expect(bob.get_by_role("link", name="private")).to_be_visible()
    await alice.locator("#invite-link").click()
    link = alice.locator("#invite-url")
    await expect(link).to_have_value(re.compile("/invitation/"))
    await carol.goto(await link.input_value())
    await expect(carol.get_by_text("Garden")).to_be_visible()
    await carol.get_by_role("button", name="Join the room").click()
    await in_room(carol)
    await alice.locator("#follow").click()
    await expect(alice.locator("#members-note")).to_have_text("A room keeps its last owner.")


async def test_on_a_phone_the_members_fit_the_screen(enter: Enter, uvicorn_server: ServerProcess) -> None:
    uvicorn_server.database.run(make_room, "general")
    alice = await enter("alice", viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    await alice.goto("/rooms/general/")
    await in_room(alice)
    await alice.locator("#people-toggle").click()
    await alice.locator("#follow").click()
    await expect(alice.get_by_label("Invite somebody by name")).to_be_visible()
    assert await alice.evaluate("document.documentElement.scrollWidth") == 360
