"""Files on the page: chosen, uploaded, sent with a text or without, and seen by others."""

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import FilePayload, Page, expect

from tests.browser.test_chat import in_room, say
from tests.support.pictures import photograph

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
Enter = Callable[..., Awaitable[Page]]
NOTES = FilePayload(name="notes.txt", mimeType="text/plain", buffer=b"some text")
PHOTOGRAPH = FilePayload(name="me.jpg", mimeType="image/jpeg", buffer=photograph((1_000, 500)))


async def test_an_image_and_a_file_are_sent_without_a_text(enter: Enter) -> None:
    alice, bob = await enter("alice", "/rooms/general/"), await enter("bob", "/rooms/general/")
    for page in (alice, bob):
        await in_room(page)
    await alice.locator("#file-chooser").set_input_files([PHOTOGRAPH, NOTES])
    await expect(alice.locator(".chosen-name")).to_have_text(["me.jpg", "notes.txt"])
    await expect(alice.locator("#send")).to_be_enabled()
    await alice.locator("#send").click()
    await expect(alice.locator(".chosen")).to_have_count(0)
    for page in (alice, bob):
        image = page.locator(".message .picture img")
        await expect(image).to_have_js_property("complete", True)
        assert await image.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [240, 480]  # a thumbnail
        await expect(page.locator(".message a.file")).to_have_text("notes.txt 9 byte")
        await expect(page.locator(".message .content")).to_be_hidden()
    await expect(alice.locator(".unsent, .failed")).to_have_count(0)
    await say(bob, "Nice!")
    await expect(alice.locator(".content").last).to_have_text("Nice!")


async def test_what_cannot_be_sent_is_said_and_can_be_taken_away(enter: Enter) -> None:
    alice = await enter("alice", "/rooms/general/")
    await in_room(alice)
    broken = FilePayload(name="broken.png", mimeType="image/png", buffer=b"\x89PNG\r\n\x1a\nno image")
    await alice.locator("#file-chooser").set_input_files([broken, NOTES])
    await expect(alice.locator(".failed-file .file-size")).to_contain_text("no whole image")
    await expect(alice.locator("#send")).to_be_disabled()
    await alice.get_by_role("button", name="Remove broken.png").click()
    await say(alice, "And a text")
    await expect(alice.locator(".message .content")).to_have_text("And a text")
    await expect(alice.locator(".message a.file")).to_have_text("notes.txt 9 byte")
