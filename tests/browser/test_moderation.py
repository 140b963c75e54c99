"""Moderating on the chat page: members, settings of a room, deletions, and what the people concerned see."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.async_api import Locator, Page, expect

from accounts.models import User
from rooms.models import Membership, Message, Room
from tests.browser.test_chat import in_room, say
from tests.browser.test_message_actions import open_actions
from tests.support.factories import make_message, make_room
from tests.support.servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
Enter = Callable[..., Awaitable[Page]]
Meet = Callable[..., Awaitable[tuple[Page, Page]]]
Change = Callable[[Room], object]
WIDE = {"width": 1280, "height": 800}


@pytest.fixture
def meet(enter: Enter, uvicorn_server: ServerProcess) -> Meet:
    """Has alice, with this role, and bob, a member who has written something, open one room."""

    async def meet(role: str = "owner", **room_fields: Any) -> tuple[Page, Page]:
        alice, bob = await enter("alice", viewport=WIDE), await enter("bob", viewport=WIDE)

        def store() -> None:
            room = make_room("general", **room_fields)
            people = {name: User.objects.get(username=name) for name in ("alice", "bob")}
            Membership.objects.create(room=room, user=people["alice"], role=role)
            Membership.objects.create(room=room, user=people["bob"], role="member")
            make_message(room, people["bob"], "first")

        uvicorn_server.database.run(store)
        for page in (alice, bob):
            await page.goto("/rooms/general/")
            await in_room(page)
        return alice, bob

    return meet


async def moderate(page: Page, name: str = "bob") -> Locator:
    await page.locator("#members-list").get_by_role("button", name=f"Moderate {name}").press("Enter")
    return page.get_by_role("dialog", name=f"Moderate {name}")


async def settings(page: Page) -> Locator:
    await page.get_by_role("button", name="Room settings").press("Enter")
    return page.get_by_role("dialog", name="Room settings")


def write(page: Page) -> Locator:
    return page.locator("#composer-input")


async def test_who_is_muted_reads_until_when_and_writes_again_after_it(meet: Meet) -> None:
    alice, bob = await meet("moderator")
    await write(bob).fill("a draft")
    dialog = await moderate(alice)
    await expect(dialog.get_by_role("button", name="Make moderator")).to_have_count(0)
    await dialog.get_by_role("button", name="Mute for 10 minutes").press("Enter")
    await expect(dialog).to_have_count(0)
    await expect(alice.locator("#members-list").get_by_role("button", name="Moderate bob")).to_be_focused()
    await expect(alice.locator("#members-list li", has_text="bob").locator(".member-role")).to_have_text("muted")
    await expect(bob.locator("#composer-state")).to_have_text(re.compile(r"You are muted here until .*\d:\d\d"))
    await expect(write(bob)).not_to_be_editable()
    await bob.reload()
    await expect(write(bob)).not_to_be_editable()
    await (await moderate(alice)).get_by_role("button", name="Unmute").click()
    await expect(write(bob)).to_be_editable()
    await expect(write(bob)).to_have_value("a draft")
    await expect(bob.locator("#composer-state")).to_be_hidden()


async def test_who_is_banned_sees_why_and_comes_back_when_let_in(meet: Meet) -> None:
    alice, bob = await meet()
    dialog = await moderate(alice)
    await dialog.get_by_label("Reason, which this person is shown").fill("Rule 3: no spam")
    await dialog.get_by_role("button", name="Ban for 1 day").click()
    await expect(bob.locator("#refusal")).to_have_text(
        re.compile(r"You are banned here until .*\d:\d\d.*\.\s+Reason: Rule 3: no spam")
    )
    await expect(write(bob)).to_be_hidden()
    await expect(alice.locator("#members-list .member-role")).to_have_text(["owner", "banned"])
    await (await moderate(alice)).get_by_role("button", name="Unban").click()
    await expect(dialog).to_have_count(0)
    await bob.reload()
    await in_room(bob)
    await expect(write(bob)).to_be_editable()
    await (await moderate(alice)).get_by_role("button", name="Ban indefinitely").click()
    await expect(bob.locator("#refusal")).to_have_text("You are banned here.")
    await expect(bob.locator("#members-section")).to_be_hidden()


async def test_who_is_put_out_is_informed_and_who_is_removed_is_no_member(
    meet: Meet, uvicorn_server: ServerProcess
) -> None:
    alice, bob = await meet()
    await (await moderate(alice)).get_by_role("button", name="Put out, may come back").click()
    await expect(bob.locator("#refusal")).to_have_text("You have been removed from this room.")
    await expect(alice.locator("#members-list .person-name")).to_have_text(["alice (you)", "bob"])
    await (await moderate(alice)).get_by_role("button", name="Remove from the room").click()
    await expect(alice.locator("#members-list .person-name")).to_have_text(["alice (you)"])
    assert uvicorn_server.database.run(lambda: Membership.objects.get(user__username="bob").role) == "none"


async def test_a_new_moderator_has_the_controls_at_once_and_none_over_an_owner(meet: Meet) -> None:
    alice, bob = await meet()
    await expect(bob.locator("#room-settings")).to_be_hidden()
    await expect(bob.locator("#members-list").get_by_role("button")).to_have_count(0)
    await (await moderate(alice)).get_by_role("button", name="Make moderator").click()
    await expect(bob.locator("#room-settings")).to_be_visible()
    await expect(bob.locator("#members-list .member-role")).to_have_text(["owner", "moderator"])
    await expect(bob.locator("#members-list").get_by_role("button")).to_have_count(0)
    await expect((await settings(bob)).get_by_role("button", name="Close the room")).to_have_count(0)
    await bob.get_by_role("dialog").press("Escape")
    await (await moderate(alice)).get_by_role("button", name="Make owner").click()
    question = alice.get_by_role("dialog", name="Make bob an owner?")
    await question.get_by_role("button", name="Make owner").click()
    await expect(bob.locator("#members-list .member-role")).to_have_text(["owner", "owner"])
    await expect(alice.locator("#members-list").get_by_role("button")).to_have_count(0)


async def test_messages_are_deleted_one_and_all_and_only_one_s_own_by_a_member(
    meet: Meet, uvicorn_server: ServerProcess
) -> None:
    alice, bob = await meet()
    await say(alice, "mine")
    await say(bob, "second")
    await expect(bob.locator(".content")).to_have_text(["first", "mine", "second"])
    await bob.locator(".message", has_text="mine").hover()
    await bob.locator(".message", has_text="mine").locator(".actions-toggle").click()
    await expect(bob.get_by_role("button", name="Report", exact=True)).to_be_visible()
    await expect(bob.get_by_role("button", name="Delete")).to_have_count(0)
    await (await open_actions(bob)).get_by_role("button", name="Delete").press("Enter")
    question = bob.get_by_role("dialog", name="Delete this message?")
    await expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    await question.get_by_role("button", name="Delete").click()
    for page in (alice, bob):
        await expect(page.locator(".content")).to_have_text(["mine", "second"])
    await say(bob, "third")
    await (await moderate(alice)).get_by_role("button", name="Delete all messages").click()
    await alice.get_by_role("dialog", name="Delete all messages of bob?").get_by_role("button", name="Delete").click()
    for page in (alice, bob):
        await expect(page.locator(".content")).to_have_text(["mine"])
    kept = Message.objects.filter(deleted_at=None).values_list("content", flat=True)
    assert uvicorn_server.database.run(lambda: list(kept)) == ["mine"]


async def test_settings_change_the_head_and_the_composer_of_everybody(
    meet: Meet, uvicorn_server: ServerProcess
) -> None:
    alice, bob = await meet()
    dialog = await settings(alice)
    await dialog.get_by_label("Title").fill("The garden")
    await dialog.get_by_label("Topic").fill("Roses")
    await dialog.get_by_label("Locked: only moderators write").check()
    await dialog.get_by_label("Slow mode").select_option("1 minute")
    await dialog.get_by_role("button", name="Save").press("Enter")
    await expect(dialog).to_have_count(0)
    await expect(alice.locator("#room-settings")).to_be_focused()
    await expect(bob.locator("#room-title")).to_have_text("The garden")
    await expect(bob.locator("#room-members")).to_have_text("2 people here · Roses")
    await expect(bob.locator("#composer-state")).to_have_text(
        "This room is locked. Only moderators write here for now."
    )
    await expect(write(bob)).not_to_be_editable()
    await expect(write(alice)).to_be_editable()
    stored = uvicorn_server.database.run(lambda: Room.objects.get(name="general"))
    assert (stored.title, stored.topic, stored.locked, stored.slow_mode_s) == ("The garden", "Roses", True, 60)
    await (await settings(alice)).get_by_role("button", name="Close the room").click()
    for page in (alice, bob):
        await expect(page.locator("#composer-state")).to_have_text("This room is closed. It can only be read.")
        await expect(write(page)).not_to_be_editable()
    await (await settings(alice)).get_by_role("button", name="Open the room again").click()
    await expect(write(alice)).to_be_editable()


async def test_the_owner_of_a_private_room_says_what_new_members_see(meet: Meet, uvicorn_server: ServerProcess) -> None:
    alice, _ = await meet(kind=Room.Kind.PRIVATE)
    dialog = await settings(alice)
    await dialog.get_by_label("What new members see").select_option("Messages since they joined")
    await dialog.get_by_role("button", name="Save").click()
    await expect(dialog).to_have_count(0)
    assert uvicorn_server.database.run(lambda: Room.objects.get(name="general").history) == "joined"


async def test_slow_mode_counts_down_and_keeps_the_text_also_of_another_page(meet: Meet) -> None:
    _, bob = await meet(slow_mode_s=4)
    other = await bob.context.new_page()
    await other.goto("/rooms/general/")
    await in_room(other)
    await say(bob, "second")
    await expect(other.locator(".content")).to_have_text(["first", "second"])
    await say(other, "too soon")
    await expect(other.locator(".failed .delivery-text")).to_have_text(
        "Not sent. This room is in slow mode. Wait a moment before you write again."
    )
    for page in (bob, other):
        await expect(page.locator("#composer-state")).to_have_text(
            re.compile(r"Slow mode: you can write again in \d seconds?\.")
        )
    await write(bob).fill("third")
    await expect(bob.locator("#send")).to_be_disabled()
    await expect(bob.locator("#composer-state")).to_be_hidden()
    await expect(bob.locator("#send")).to_be_enabled()
    await expect(other.locator("#composer-state")).to_be_hidden()
    await other.get_by_role("button", name="Try again").click()
    await expect(other.locator(".failed, .unsent")).to_have_count(0)
    await expect(bob.locator(".content")).to_have_text(["first", "second", "too soon"])


REFUSALS: dict[str, tuple[Change, str, str]] = {
    "muted": (
        lambda room: Membership.objects.filter(room=room).update(muted_until=timezone.now() + timedelta(hours=1)),
        "You may read here, but not write for now.",
        r"You are muted here until .*\d:\d\d.*",
    ),
    "locked": (
        lambda room: Room.objects.filter(pk=room.pk).update(locked=True),
        "This room is locked. Only moderators write here for now.",
        r"This room is locked\. Only moderators write here for now\.",
    ),
    "closed": (
        lambda room: Room.objects.filter(pk=room.pk).update(closed_at=timezone.now()),
        "This room is closed. It can only be read.",
        r"This room is closed\. It can only be read\.",
    ),
    "slow": (
        lambda room: Room.objects.filter(pk=room.pk).update(slow_mode_s=3_600),
        "This room is in slow mode. Wait a moment before you write again.",
        r"Slow mode: you can write again at .*\d:\d\d.*",
    ),
}


async def test_a_refused_message_is_kept_with_the_reason_where_the_page_has_not_heard_of_it(
    enter: Enter, uvicorn_server: ServerProcess
) -> None:
    bob = await enter("bob", viewport=WIDE)
    for name, (change, reason, state) in REFUSALS.items():
        room = uvicorn_server.database.run(_room_of_bob, name)
        await bob.goto(f"/rooms/{name}/")
        await in_room(bob)
        uvicorn_server.database.run(change, room)
        if name == "slow":
            await say(bob, "first")
            await expect(bob.locator(".actions-toggle")).to_have_count(1)  # it is stored
        await say(bob, "a long thought")
        await expect(bob.locator(".failed .content")).to_have_text("a long thought")
        await expect(bob.locator(".failed .delivery-text")).to_have_text(f"Not sent. {reason}")
        await expect(bob.locator("#composer-state")).to_have_text(re.compile(f"^{state}$"))
        await bob.get_by_role("button", name="Discard").click()


def _room_of_bob(name: str) -> Room:
    room = make_room(name)
    Membership.objects.create(room=room, user=User.objects.get(username="bob"), role="member")
    return room


async def test_who_writes_what_the_filter_mutes_for_sees_why_and_until_when_in_the_own_language(
    enter: Enter, uvicorn_server: ServerProcess
) -> None:
    bob, admin = await enter("bob", viewport=WIDE, locale="zh-CN"), await enter("admin", is_superuser=True)
    uvicorn_server.database.run(User.objects.filter(username="admin").update, is_staff=True)
    uvicorn_server.database.run(_room_of_bob, "general")
    await admin.goto("/admin/chat_rooms/filterphrase/add/")
    await admin.locator("#id_phrase").fill("spam")
    await admin.locator("#id_action").select_option("mute")
    await admin.locator("[name=_save]").click()
    await expect(admin.locator(".success")).to_be_visible()
    await bob.goto("/rooms/general/")
    await in_room(bob)
    await say(bob, "Buy spam!")
    await expect(bob.locator(".failed .content")).to_have_text("Buy spam!")
    await expect(bob.locator(".failed .delivery-text")).to_have_text("未发送。此消息含有这里不允许的词语。")
    await expect(bob.locator("#composer-state")).to_have_text(re.compile(r"你在此被禁言，至 .*\d:\d\d.*。"))
    await expect(write(bob)).not_to_be_editable()
    await bob.get_by_role("button", name="编辑").click()
    await expect(bob.locator(".failed")).to_have_count(0)
    await expect(write(bob)).to_have_value("Buy spam!")


async def test_where_all_that_is_shown_was_deleted_older_messages_come(
    meet: Meet, uvicorn_server: ServerProcess
) -> None:
    alice, bob = await meet()
    uvicorn_server.database.run(_write_much)
    for page in (alice, bob):
        await page.reload()
        await expect(page.locator(".content")).to_have_count(50)
    await (await moderate(alice)).get_by_role("button", name="Delete all messages").click()
    await alice.get_by_role("dialog").get_by_role("button", name="Delete").click()
    for page in (alice, bob):
        await expect(page.locator(".content")).to_have_text(["of alice"])
    await (await open_actions(alice)).get_by_role("button", name="Delete").click()
    await alice.get_by_role("dialog").get_by_role("button", name="Delete").click()
    for page in (alice, bob):
        await expect(page.locator("#beginning")).to_have_text("Nothing has been said here yet. Say hello!")


def _write_much() -> None:
    room, alice, bob = (
        Room.objects.get(name="general"),
        *User.objects.filter(username__in=("alice", "bob")).order_by("pk"),
    )
    make_message(room, alice, "of alice")
    for _ in range(60):
        make_message(room, bob)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_on_a_phone_the_dialogs_fit_the_screen(meet: Meet, scheme: str) -> None:
    alice, _ = await meet()
    await alice.emulate_media(color_scheme=scheme)
    await alice.set_viewport_size({"width": 360, "height": 700})
    await alice.locator("#people-toggle").click()
    for open_dialog in (moderate, settings):
        dialog = await open_dialog(alice)
        box = await dialog.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        assert await dialog.evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
        for button in await dialog.get_by_role("button").all():
            place = await button.bounding_box()
            assert place is not None
            assert place["x"] >= box["x"] + 16
        await dialog.press("Escape")
        await expect(dialog).to_have_count(0)
