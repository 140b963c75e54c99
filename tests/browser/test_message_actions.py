"""What one can do with a message and a person, also by keyboard: reply, react, edit, delete, report, block."""

from collections.abc import Awaitable, Callable

import pytest
from django.utils import timezone
from playwright.async_api import Locator, Page, expect

from rooms.models import Block, Message, Report
from rooms.services.changes import delete_message, edit_message
from tests.browser.test_chat import in_room, say
from tests.browser.test_element import general, visit
from tests.support.factories import make_message, make_room, make_user
from tests.support.servers import ServerProcess

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
Enter = Callable[..., Awaitable[Page]]


def _talk() -> None:
    room, author = make_room("general"), make_user("mallory")
    make_message(room, author, "You are stupid")


def reports() -> list[tuple[str, str, str]]:
    return list(Report.objects.values_list("reported_name", "content", "reason"))


async def open_actions(page: Page) -> Locator:
    await page.locator(".message").first.hover()
    await page.locator(".actions-toggle").first.click()
    return page.get_by_role("group", name="What to do with this message")


async def test_a_message_is_reported_by_keyboard_and_the_focus_returns(
    enter: Enter, uvicorn_server: ServerProcess
) -> None:
    uvicorn_server.database.run(_talk)
    alice = await enter("alice", "/rooms/general/")
    toggle = alice.locator(".actions-toggle")
    await toggle.press("Enter")
    first = alice.get_by_role("button", name="Reply", exact=True)
    report = alice.get_by_role("button", name="Report", exact=True)
    await expect(first).to_be_focused()
    await first.press("Escape")
    await expect(toggle).to_be_focused()
    await expect(report).to_have_count(0)
    await toggle.press("Enter")
    await report.press("Enter")
    dialog = alice.get_by_role("dialog", name="Report this message")
    await dialog.get_by_label("What should the moderators know?").fill("an insult")
    await dialog.get_by_role("button", name="Report").press("Enter")
    await expect(dialog.get_by_role("status")).to_have_text("Thank you. The moderators have been informed.")
    await dialog.get_by_role("button", name="Close").press("Enter")
    await expect(dialog).to_have_count(0)
    await expect(toggle).to_be_focused()
    assert uvicorn_server.database.run(reports) == [("mallory", "You are stupid", "an insult")]


async def test_a_refused_report_says_why_and_can_be_sent_again(enter: Enter, uvicorn_server: ServerProcess) -> None:
    uvicorn_server.database.run(_talk)
    alice = await enter("alice", "/rooms/general/")
    await (await open_actions(alice)).get_by_role("button", name="Report").click()
    uvicorn_server.database.run(Message.objects.all().delete)
    dialog = alice.get_by_role("dialog")
    await dialog.get_by_role("button", name="Report").click()
    await expect(dialog.get_by_role("status")).to_have_text("There is no such message any more.")
    await expect(dialog.get_by_role("button", name="Report")).to_be_enabled()
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_have_count(0)


async def test_messages_of_a_blocked_person_are_folded_on_every_page_of_the_reader(
    enter: Enter,
) -> None:
    alice, mallory = await enter("alice", "/rooms/general/"), await enter("mallory", "/rooms/general/")
    await in_room(mallory)
    await say(mallory, "You are stupid")
    second = await alice.context.new_page()
    await second.goto("/rooms/general/")
    await expect(second.locator(".content")).to_have_text("You are stupid")
    await (await open_actions(alice)).get_by_role("button", name="Block mallory").click()
    await say(mallory, "Are you there?")
    for page in (alice, second):
        await expect(page.locator(".fold")).to_have_text(["Message from a blocked person · Show"] * 2)
        await expect(page.get_by_text("You are stupid")).to_be_hidden()
        await expect(page.locator("#blocked-list .person-name")).to_have_text("mallory")
    await expect(second).to_have_title("general · Chat")
    await alice.get_by_role("button", name="Show").first.press("Enter")
    await expect(alice.locator(".content", has_text="You are stupid")).to_be_focused()
    await expect(alice.get_by_text("Are you there?")).to_be_hidden()
    await second.reload()
    await expect(second.locator(".fold")).to_have_count(2)
    await second.locator("#blocked-list").get_by_role("button", name="Unblock mallory").click()
    for page in (alice, second):
        await expect(page.locator(".content")).to_have_text(["You are stupid", "Are you there?"])
        await expect(page.locator(".fold")).to_have_count(0)
        await expect(page.locator("#blocked-section")).to_be_hidden()
    await expect(mallory.locator(".fold")).to_have_count(0)


async def test_people_are_blocked_from_the_list_and_nobody_blocks_themselves(
    enter: Enter, uvicorn_server: ServerProcess
) -> None:
    alice, bob = await enter("alice", "/rooms/general/"), await enter("bob", "/rooms/general/")
    await in_room(bob)
    people = alice.locator("#here-list")
    await expect(people.get_by_role("button", name="Block")).to_have_count(1)
    await people.get_by_role("button", name="Block bob").press("Enter")
    await expect(people.get_by_role("button", name="Unblock bob")).to_be_focused()
    assert uvicorn_server.database.run(lambda: Block.objects.get().blocked.username) == "bob"
    await say(bob, "Hello")
    await expect(alice.locator(".fold")).to_have_count(1)
    await people.get_by_role("button", name="Unblock bob").press("Enter")
    await expect(alice.locator(".content")).to_have_text("Hello")


async def test_a_person_is_reported_from_the_list_for_the_room_or_in_general(
    enter: Enter, uvicorn_server: ServerProcess
) -> None:
    alice, bob = await enter("alice", "/rooms/general/"), await enter("bob", "/rooms/general/")
    await in_room(bob)
    for place, reason in (("#here-list", "rude"), ("#online-list", "an impostor")):
        report = alice.locator(place).get_by_role("button", name="Report")
        await expect(report).to_have_count(1)
        await report.press("Enter")
        dialog = alice.get_by_role("dialog", name="Report bob")
        await dialog.get_by_label("What should the moderators know?").fill(reason)
        await dialog.get_by_role("button", name="Report").press("Enter")
        await expect(dialog.get_by_role("status")).to_have_text("Thank you. The moderators have been informed.")
        await say(bob, reason)
        await dialog.get_by_role("button", name="Close").press("Enter")
        await expect(report).to_be_focused()
        uvicorn_server.database.run(Report.objects.update, state=Report.State.RESOLVED, settled_at=timezone.now())
    rows = Report.objects.order_by("pk").values_list("kind", "reported_name", "room_name", "reason")
    assert uvicorn_server.database.run(lambda: list(rows)) == [
        ("user", "bob", "general", "rude"),
        ("user", "bob", "", "an impostor"),
    ]


async def test_one_s_own_message_is_edited_and_deleted_for_everybody_and_not_reported(enter: Enter) -> None:
    alice, bob = await enter("alice", "/rooms/general/"), await enter("bob", "/rooms/general/")
    for page in (alice, bob):
        await in_room(page)
    await say(alice, "Hallo")
    await expect(alice.locator(".unsent")).to_have_count(0)
    actions = await open_actions(alice)
    await expect(actions.get_by_role("button")).to_have_text(["Reply", "React", "Edit", "Delete"])
    await actions.get_by_role("button", name="Edit").press("Enter")
    editor = alice.get_by_role("dialog", name="Edit this message")
    await expect(editor.get_by_label("Message")).to_have_value("Hallo")
    await editor.get_by_label("Message").fill(" ")
    await editor.get_by_role("button", name="Save").click()
    await expect(editor.get_by_role("status")).to_have_text("The server did not accept this.")
    await editor.get_by_label("Message").fill("Hello")
    await editor.get_by_role("button", name="Save").click()
    for page in (alice, bob):
        await expect(page.locator(".content")).to_have_text("Hello (edited)")
    await (await open_actions(alice)).get_by_role("button", name="Delete").click()
    question = alice.get_by_role("dialog", name="Delete this message?")
    await question.get_by_role("button", name="Delete").click()
    for page in (alice, bob):
        await expect(page.locator(".message")).to_have_count(0)


async def test_reactions_are_set_and_taken_away_and_everybody_sees_who(enter: Enter) -> None:
    alice, bob = await enter("alice", "/rooms/general/"), await enter("bob", "/rooms/general/")
    for page in (alice, bob):
        await in_room(page)
    await say(alice, "Hello")
    await (await open_actions(bob)).get_by_role("button", name="React").click()
    await bob.get_by_role("dialog", name="React to this message").get_by_role("button", name="🎉").click()
    shown = [page.get_by_role("group", name="Reactions").get_by_role("button") for page in (alice, bob)]
    for one, pressed in zip(shown, ("false", "true"), strict=True):
        await expect(one).to_have_text("🎉 1")
        await expect(one).to_have_attribute("title", "bob")
        await expect(one).to_have_attribute("aria-pressed", pressed)
    await shown[0].press("Enter")
    for one in shown:
        await expect(one).to_have_text("🎉 2")
    await alice.reload()
    await expect(shown[0]).to_have_attribute("title", "bob, alice")
    await shown[1].click()
    for one, pressed in zip(shown, ("true", "false"), strict=True):
        await expect(one).to_have_text("🎉 1")
        await expect(one).to_have_attribute("aria-pressed", pressed)
    await shown[0].click()
    for one in shown:
        await expect(one).to_have_count(0)


async def test_a_reply_shows_what_it_answers_as_that_is_now(enter: Enter, uvicorn_server: ServerProcess) -> None:
    uvicorn_server.database.run(_talk)
    alice = await enter("alice", "/rooms/general/")
    await in_room(alice)
    await (await open_actions(alice)).get_by_role("button", name="Reply").press("Enter")
    await expect(alice.locator("#answering")).to_contain_text("Reply to mallory")
    await expect(alice.locator("#composer-input")).to_be_focused()
    await say(alice, "No")
    await expect(alice.locator(".unsent")).to_have_count(0)
    await expect(alice.locator("#answering")).to_be_hidden()
    quote = alice.locator(".message", has_text="No").locator(".quote")
    await expect(quote).to_have_text("mallory You are stupid")
    await say(alice, "Really")
    await expect(alice.locator(".quote")).to_have_count(1)
    await alice.reload()
    await expect(quote).to_have_text("mallory You are stupid")
    uvicorn_server.database.run(lambda: delete_message(message_id=Message.objects.get(seq=1).pk))
    await expect(quote).to_have_text("mallory This message was deleted.")


async def test_what_was_edited_elsewhere_meanwhile_is_not_overwritten_unasked(
    enter: Enter, uvicorn_server: ServerProcess
) -> None:
    alice = await enter("alice", "/rooms/general/")
    await in_room(alice)
    await say(alice, "Hallo")
    await expect(alice.locator(".unsent")).to_have_count(0)
    await (await open_actions(alice)).get_by_role("button", name="Edit").click()
    uvicorn_server.database.run(lambda: edit_message(message_id=Message.objects.get().pk, content="Elsewhere"))
    editor = alice.get_by_role("dialog")
    await editor.get_by_label("Message").fill("Hello")
    await editor.get_by_role("button", name="Save").click()
    await expect(editor.get_by_role("status")).to_contain_text("The text was changed elsewhere meanwhile.")
    await editor.get_by_role("button", name="Save").click()
    await expect(alice.locator(".content")).to_have_text("Hello (edited)")


async def test_the_element_on_a_page_of_another_project_reports_and_blocks(
    enter: Enter, uvicorn_server: ServerProcess
) -> None:
    uvicorn_server.database.run(_talk)
    alice = await enter("alice")
    await visit(alice, general())
    await (await open_actions(alice)).get_by_role("button", name="Report").click()
    dialog = alice.get_by_role("dialog", name="Report this message")
    assert await dialog.evaluate("dialog => dialog.getRootNode() instanceof ShadowRoot")
    await dialog.get_by_role("button", name="Report").click()
    await dialog.get_by_role("button", name="Close").click()
    assert uvicorn_server.database.run(reports) == [("mallory", "You are stupid", "")]
    await (await open_actions(alice)).get_by_role("button", name="Block mallory").click()
    await expect(alice.locator(".fold")).to_have_text("Message from a blocked person · Show")
