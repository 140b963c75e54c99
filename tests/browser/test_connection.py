"""The page and a server that goes away: nothing is lost or doubled, and one is told what is going on."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.async_api import expect

from accounts.models import User
from rooms.models import Message, Room
from rooms.services import changes, moderation
from tests.browser.test_chat import Enter, in_room, say
from tests.support.factories import make_message, make_user
from tests.support.servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_after_a_killed_server_the_talk_goes_on_without_a_gap_or_a_double(
    enter: Enter, uvicorn_server: ServerProcess
) -> None:
    alice, bob = await enter("alice", "/rooms/general/"), await enter("bob", "/rooms/general/")
    await in_room(alice)
    await in_room(bob)
    await say(alice, "one")
    await expect(bob.locator(".content")).to_have_text(["one"])
    uvicorn_server.kill()
    await expect(alice.locator("#connection")).to_be_visible()
    await say(alice, "two")
    await say(bob, "three")
    await expect(alice.locator(".unsent .content")).to_have_text(["two"])
    uvicorn_server.start()
    for page in (alice, bob):
        await page.evaluate("dispatchEvent(new Event('online'))")
        await expect(page.locator("#state[data-state=ready]")).to_be_visible()
        await expect(page.locator(".unsent, .failed")).to_have_count(0)
        await expect(page.locator("#connection")).to_be_hidden()
    await say(alice, "four")
    for page in (alice, bob):
        await expect(page.locator(".content")).to_have_count(4)
        said = await page.locator(".content").all_inner_texts()
        assert (said[0], sorted(said[1:3]), said[3]) == ("one", ["three", "two"], "four")


async def test_a_page_that_was_away_fetches_what_it_missed(enter: Enter, uvicorn_server: ServerProcess) -> None:
    alice = await enter("alice", "/rooms/general/")
    await in_room(alice)
    for text in ("message 1", "a slip", "a mistake"):
        await say(alice, text)
    await expect(alice.locator(".message:not(.unsent)")).to_have_count(3)
    uvicorn_server.kill()
    uvicorn_server.database.run(_said_meanwhile, 250)
    uvicorn_server.start()
    await alice.evaluate("dispatchEvent(new Event('online'))")
    await expect(alice.locator(".content")).to_have_count(252)
    said = ["message 1", "message 2 (edited)", *(f"message {number}" for number in range(4, 254))]
    assert await alice.locator(".content").all_inner_texts() == said


def _said_meanwhile(count: int) -> None:
    room, author = Room.objects.get(name="general"), make_user("bob")
    slip, mistake = Message.objects.filter(room=room, seq__gt=1).order_by("seq")
    for _ in range(count):
        make_message(room, author)
    changes.edit_message(message_id=slip.pk, content="message 2")
    changes.delete_message(message_id=mistake.pk)


async def test_a_refused_message_can_be_tried_again_or_discarded(enter: Enter, uvicorn_server: ServerProcess) -> None:
    alice = await enter("alice", "/rooms/general/")
    await in_room(alice)
    uvicorn_server.database.run(_close_room, True)
    await say(alice, "too late")
    await expect(alice.locator(".failed .delivery-text")).to_contain_text("Not sent.")
    await alice.locator(".retry").click()
    await expect(alice.locator(".failed")).to_have_count(1)
    uvicorn_server.database.run(_close_room, False)
    await alice.locator(".retry").click()
    await expect(alice.locator(".failed")).to_have_count(0)
    await expect(alice.locator(".content")).to_have_text(["too late"])


def _close_room(is_closed: bool) -> None:
    Room.objects.filter(name="general").update(closed_at=timezone.now() if is_closed else None)


async def test_who_is_signed_out_is_told_and_not_reconnected(enter: Enter, uvicorn_server: ServerProcess) -> None:
    alice = await enter("alice", "/rooms/general/")
    await in_room(alice)
    await alice.context.clear_cookies()
    uvicorn_server.kill()
    uvicorn_server.start()
    await alice.evaluate("dispatchEvent(new Event('online'))")
    await expect(alice.locator("#connection-sign-in")).to_be_visible()


async def test_people_who_left_while_the_page_was_away_are_not_listed(
    enter: Enter, uvicorn_server: ServerProcess
) -> None:
    alice, bob = await enter("alice", "/rooms/general/"), await enter("bob", "/rooms/general/")
    await in_room(alice)
    await in_room(bob)
    await say(bob, "Good night")
    await expect(alice.locator("#here-list .person-name")).to_have_text(["alice (you)", "bob"])
    await expect(alice.locator("#room-members")).to_have_text("2 people here")
    uvicorn_server.kill()
    await bob.close()
    uvicorn_server.database.run(_written_by, "bob")
    uvicorn_server.start()
    await alice.evaluate("dispatchEvent(new Event('online'))")
    await expect(alice.locator(".content")).to_have_count(2)
    await expect(alice.locator("#here-list .person-name")).to_have_text(["alice (you)"])
    await expect(alice.locator("#here-note")).to_be_hidden()
    await expect(alice.locator("#room-members")).to_have_text("1 person here")


def _written_by(username: str) -> None:
    make_message(Room.objects.get(name="general"), User.objects.get(username=username))


async def test_a_ban_from_a_room_is_shown_in_it(enter: Enter, uvicorn_server: ServerProcess) -> None:
    alice = await enter("alice", "/rooms/general/")
    await in_room(alice)
    await say(alice, "before")
    uvicorn_server.database.run(_ban, "alice")
    await expect(alice.locator("#refusal")).to_have_text("You are banned here.", timeout=20_000)
    await expect(alice.locator("#composer")).to_be_hidden()
    await expect(alice.locator(".content")).to_have_text("before")
    await expect(alice.locator("#joined-rooms .room-name")).to_have_count(0)


def _ban(username: str) -> None:
    until = timezone.now() + timedelta(hours=1)
    room, user = Room.objects.get(name="general"), User.objects.get(username=username)
    moderation.ban(room_id=room.pk, user_id=user.pk, until=until)


async def test_nothing_is_sent_in_the_name_of_another_account(enter: Enter, uvicorn_server: ServerProcess) -> None:
    alice, bob = await enter("alice", "/rooms/general/"), await enter("bob")
    await in_room(alice)
    uvicorn_server.kill()
    await expect(alice.locator("#connection")).to_be_visible()
    await say(alice, "mine alone")
    await alice.context.add_cookies(await bob.context.cookies())
    uvicorn_server.start()
    await alice.evaluate("dispatchEvent(new Event('online'))")
    await expect(alice.locator("#connection-text")).to_have_text(
        "Another account is signed in now. Reload the page to use it."
    )
    await expect(alice.locator(".failed .delivery-text")).to_have_text("Not sent. Another account is signed in now.")
    await expect(alice.locator(".failed .content")).to_have_text("mine alone")
    assert uvicorn_server.database.run(Message.objects.count) == 0
