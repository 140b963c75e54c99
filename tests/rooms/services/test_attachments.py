"""Files of messages: attached once and by their owner, shown with the message, read by who may read it."""

from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rooms import storage
from rooms.callers import Actor
from rooms.errors import BadFrame, ChatError, InvalidAttachment, NoSuchAttachment
from rooms.live.events import Event
from rooms.models import Attachment, Message, Room
from rooms.services import attachments, deletions, edits, moderation, people, rooms
from rooms.services.history import page, snapshot
from rooms.services.posting import post_message, post_messages
from rooms.services.rooms import remove_room
from rooms.storage import NewMessage, Repeated, StoredMessage
from tests.support.pictures import picture, uploaded
from tests.support.rooms import Run, World, Writers, at_once, begins_to_wait, frames, from_now, restrict, uncommitted

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference
on_postgres = pytest.mark.parametrize("url", ["postgres"], indirect=True)  # where only several writers at once show it


def acts(user: Any, *roles: str) -> Actor:
    return Actor(user.pk, ("user", *roles), "socket", user.username)


def file_of(run: Run, user: Any, content: bytes = b"some text", name: str = "notes.txt") -> str:
    return str(run(uploaded, user, content, name).pk)


def sent(run: Run, world: World, *ids: str, content: str = "", **fields: Any) -> StoredMessage:
    """A message of alice's with these files."""
    [answer] = run(post_messages, [world.new(content, attachments=ids, **fields)])
    if isinstance(answer, ChatError):
        raise answer
    return answer  # type: ignore[no-any-return]  # `run` answers whatever it ran


@pytest.fixture
def said(run: Run, world: World, published: list[Event]) -> StoredMessage:
    message = sent(run, world, file_of(run, world.alice), content="see this")
    published.clear()
    return message


def may_read(run: Run, user: Any, attachment_id: str) -> bool:
    try:
        run(attachments.readable, user_id=user.pk, attachment_id=attachment_id)
    except NoSuchAttachment:
        return False
    return True


def only(run: Run) -> str:
    """The file that there is."""
    return str(run(lambda: Attachment.objects.values_list("pk", flat=True).get()))


# --- Attaching --------------------------------------------------------------------------------------------------------
def test_a_message_has_its_files_in_their_order_for_everybody_and_in_every_read(
    run: Run, world: World, published: list[Event]
) -> None:
    first = file_of(run, world.alice, picture(size=(900, 600)), "me 1.png")
    second = file_of(run, world.alice, b"text", "thumbnail")
    published.clear()
    message = sent(run, world, second, first)
    [event] = frames(published)
    small, large = event["attachments"]
    assert small == {
        "id": second, "name": "thumbnail", "size": 4, "contentType": "application/octet-stream",
        "url": f"/api/attachments/{second}/file",
    }  # fmt: skip
    assert large == {
        "id": first, "name": "me 1.png", "size": large["size"], "contentType": "image/png",
        "url": f"/api/attachments/{first}/me%201.png", "thumbnailUrl": f"/api/attachments/{first}/thumbnail",
        "width": 900, "height": 600,
    }  # fmt: skip
    assert event["content"] == ""
    [shown] = run(page, user_id=world.alice.pk, name="lobby", limit=50)
    fresh = run(snapshot, room=run(world.access))
    [joined] = msgspec.json.decode(fresh.history.payload)["messages"]
    assert msgspec.to_builtins(shown) == event == joined
    assert (message.file_count, run(storage.message, message_id=message.id).file_count) == (2, 2)


def test_a_file_is_attached_once(run: Run, world: World, said: StoredMessage, published: list[Event]) -> None:
    with pytest.raises(NoSuchAttachment) as refused:
        sent(run, world, only(run))
    assert refused.value.code == "invalid-attachment"
    assert published == []
    assert run(Message.objects.count) == 1
    assert run(storage.room_head, room_id=world.room.pk).last_seq == 1


@pytest.mark.parametrize("what", ["of another", "no such", "of no kind"])
def test_a_message_with_a_file_that_is_not_ones_own_is_refused_and_loses_nothing(
    run: Run, world: World, what: str
) -> None:
    own, others = file_of(run, world.alice), file_of(run, world.bob)
    wrong = {"of another": others, "no such": "0" * 32, "of no kind": "../x"}[what]
    with pytest.raises(InvalidAttachment):
        sent(run, world, own, wrong)
    assert run(Message.objects.count) == 0
    assert run(lambda: Attachment.objects.filter(attached_at=None).count()) == 2
    assert sent(run, world, own).file_count == 1


def test_an_upload_that_is_not_complete_cannot_be_sent(run: Run, world: World) -> None:
    own = file_of(run, world.alice)
    run(lambda: Attachment.objects.update(is_stored=False))
    with pytest.raises(NoSuchAttachment):
        sent(run, world, own)


@on_sqlite
def test_a_message_has_ten_files_at_most(run: Run, world: World, settings: Any) -> None:
    settings.CHAT_MAX_FILES_PER_MESSAGE = 2
    ids = [file_of(run, world.alice) for _ in range(3)]
    with pytest.raises(InvalidAttachment, match="2 files"):
        sent(run, world, *ids)
    settings.CHAT_MAX_FILES_PER_MESSAGE = 0
    assert sent(run, world, *ids, ids[0]).file_count == 3


@on_sqlite
def test_a_text_may_be_empty_only_with_a_file(run: Run, world: World) -> None:
    fields = {"room_id": world.room.pk, "author_id": world.alice.pk}
    with pytest.raises(BadFrame):
        run(post_message, **fields, content=" ")
    posted = run(post_message, **fields, content=" ", attachments=[file_of(run, world.alice)])
    assert (posted.content, posted.file_count) == ("", 1)


def test_a_repeated_message_keeps_its_file_and_takes_no_other(run: Run, world: World) -> None:
    own = file_of(run, world.alice)
    new = world.new("see", "c-1", attachments=(own,))
    first, second = run(post_messages, [new, world.new("see", "c-1", attachments=(own,))])
    assert (first.file_count, type(second)) == (1, Repeated)
    [again] = run(post_messages, [new])
    assert isinstance(again, Repeated)
    assert again.id == first.id


def test_of_two_messages_of_one_list_the_first_gets_the_file(run: Run, world: World) -> None:
    own = file_of(run, world.alice)
    first, second = run(post_messages, [world.new("a", attachments=(own,)), world.new("b", attachments=(own,))])
    assert first.file_count == 1
    assert isinstance(second, InvalidAttachment)


def test_of_two_messages_at_once_in_two_rooms_one_gets_the_file(run: Run, world: World, writers: Writers) -> None:
    own, answers = file_of(run, world.alice), []

    def send(room_id: int) -> Any:
        writer = writers()
        return lambda: answers.extend(writer.run(post_messages, [world.new("x", attachments=(own,), room_id=room_id)]))

    at_once(send(world.room.pk), send(world.private.pk))
    assert sorted(isinstance(answer, StoredMessage) for answer in answers) == [False, True]
    assert run(Message.objects.count) == 1


@on_postgres
def test_who_waits_for_a_file_is_refused_when_another_message_has_got_it(
    run: Run, world: World, writers: Writers
) -> None:
    own = file_of(run, world.alice)
    with uncommitted(writers(), post_messages, messages=[world.new("a", attachments=(own,))]):
        new = [world.new("b", attachments=(own,), room_id=world.private.pk)]
        waiting = begins_to_wait(run, writers(), post_messages, messages=new)
        assert not waiting.done()
    [answer] = waiting.result(10)
    assert isinstance(answer, InvalidAttachment)


@on_sqlite
def test_other_messages_of_the_list_are_stored(run: Run, world: World) -> None:
    answers = run(post_messages, [world.new("a"), world.new("b", attachments=("0" * 32,)), world.new("c")])
    assert [isinstance(answer, StoredMessage) for answer in answers] == [True, False, True]


# --- Messages that change and go --------------------------------------------------------------------------------------
@on_sqlite
def test_an_edit_keeps_the_files_and_may_take_the_text(
    run: Run, world: World, said: StoredMessage, published: list[Event]
) -> None:
    edit = {"actor": acts(world.alice), "name": "lobby", "message_id": str(said.id)}
    run(edits.edit_message, **edit, content="other")
    run(edits.edit_message, **edit, content="")
    *_, event = frames(published)
    assert (event["type"], event["content"], len(event["attachments"])) == ("message-edited", "", 1)
    plain = run(post_messages, [world.new("plain")])[0]
    with pytest.raises(BadFrame):
        run(edits.edit_message, **{**edit, "message_id": str(plain.id)}, content="")


WAYS = {
    "deletion": lambda world, said: deletions.erase(actor=acts(world.alice), message=said),
    "list": lambda world, said: deletions.erase_list(actor=acts(world.alice), room_id=said.room_id, ids=[said.id]),
    "all of one": lambda world, said: deletions.erase_all_of(
        actor=acts(world.bob), room_id=said.room_id, user_id=world.alice.pk
    ),
    "erasure": lambda world, said: list(people.erase_messages(user_id=world.alice.pk)),
    "the file alone": lambda world, said: deletions.erase_file(
        actor=acts(world.bob), message_id=said.id, attachment_id=Attachment.objects.get().pk
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_file_goes_with_its_message(run: Run, world: World, said: StoredMessage, way: str, settings: Any) -> None:
    settings.CHAT_ERASED_MESSAGES = "delete"
    own = only(run)
    assert may_read(run, world.bob, own)
    run(WAYS[way], world, said)
    assert not may_read(run, world.bob, own)
    assert not may_read(run, world.alice, own)
    assert run(storage.message, message_id=said.id).file_count == 0
    shown = run(page, user_id=world.bob.pk, name="lobby", limit=50)
    assert [message.attachments for message in shown] == ([None] if way == "the file alone" else [])
    with pytest.raises(NoSuchAttachment):
        sent(run, world, own)


@on_sqlite
def test_a_file_that_is_taken_from_its_message_is_a_change_of_it(
    run: Run, world: World, said: StoredMessage, published: list[Event]
) -> None:
    erase = {"actor": acts(world.bob), "message_id": said.id, "attachment_id": only(run)}
    assert run(deletions.erase_file, **erase)
    assert not run(deletions.erase_file, **erase)
    [event] = frames(published)
    assert (event["type"], event["changedSeq"], event.get("attachments")) == ("message-edited", 2, None)


@on_sqlite
def test_erasure_takes_what_was_not_sent_and_keeps_what_stays_with_its_text(
    run: Run, world: World, said: StoredMessage
) -> None:
    kept, unsent = only(run), file_of(run, world.alice)
    run(lambda: list(people.erase_messages(user_id=world.alice.pk)))
    assert may_read(run, world.bob, kept)
    assert not may_read(run, world.alice, unsent)


@on_sqlite
def test_a_user_is_handed_over_the_list_of_their_files(run: Run, world: World, said: StoredMessage) -> None:
    unsent = file_of(run, world.alice, name="later.txt")
    one, two = run(people.export, user_id=world.alice.pk).files
    assert (one.name, one.room_id, one.seq, two.name, two.room_id) == ("notes.txt", "lobby", 1, "later.txt", None)
    assert two.url == f"/api/attachments/{unsent}/later.txt"


# --- Who may read -----------------------------------------------------------------------------------------------------
def test_a_file_is_read_by_who_may_read_the_message(run: Run, world: World) -> None:
    own = file_of(run, world.alice)
    assert may_read(run, world.alice, own)
    assert not may_read(run, world.bob, own)
    sent(run, world, own, room_id=world.private.pk)
    assert may_read(run, world.alice, own)
    assert not may_read(run, world.bob, own)
    run(restrict, world.private, world.bob, role="member")
    assert may_read(run, world.bob, own)


@pytest.mark.parametrize("how", ["remove", "ban", "hidden", "removed room", "server ban"])
def test_who_may_not_read_the_message_any_more_may_not_read_the_file(run: Run, world: World, how: str) -> None:
    own = file_of(run, world.alice)
    sent(run, world, own, room_id=world.private.pk)
    run(restrict, world.private, world.bob, role="member")
    assert may_read(run, world.bob, own)
    act = {"actor": acts(world.alice), "room_id": world.private.pk, "user_id": world.bob.pk}
    match how:
        case "remove":
            run(moderation.act, **act, action="remove")
        case "ban":
            run(moderation.act, **act, action="ban", until=from_now(1))
        case "hidden":
            run(restrict, world.private, world.bob, visible_from_seq=1)
        case "removed room":
            run(remove_room, room_id=world.private.pk)
        case "server ban":
            run(lambda: type(world.bob).objects.filter(pk=world.bob.pk).update(is_active=False))
    assert not may_read(run, world.bob, own)


@on_sqlite
def test_the_projects_hook_decides_at_each_download(run: Run, world: World, said: StoredMessage, settings: Any) -> None:
    assert may_read(run, world.bob, only(run))
    settings.CHAT_CAN_JOIN = f"{__name__}.nobody"
    assert not may_read(run, world.bob, only(run))


def nobody(user: Any, room: Room) -> bool:
    return False


@on_sqlite
def test_a_room_that_is_purged_leaves_its_files_to_the_sweep(run: Run, world: World, said: StoredMessage) -> None:
    run(remove_room, room_id=world.room.pk)
    while run(rooms.purge, room_id=world.room.pk):
        pass
    row = run(Attachment.objects.get)
    assert (row.message_id, row.attached_at is None) == (None, False)


# --- What it costs ----------------------------------------------------------------------------------------------------
@on_sqlite
def test_a_page_with_files_takes_one_statement_more_and_no_more(run: Run, world: World) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(user_id=world.alice.pk, name="lobby", limit=50)
        return len(queries)

    run(post_messages, [world.new("plain")])
    without = run(statements)
    sent(run, world, file_of(run, world.alice))
    one = run(statements)
    for _ in range(3):
        sent(run, world, file_of(run, world.alice), file_of(run, world.alice))
    assert (one, run(statements)) == (without + 1, without + 1)


def test_messages_without_files_ask_the_database_for_none() -> None:
    assert attachments.found([NewMessage(1, 1, "plain")]) == ({}, {})  # a test without a database would fail
