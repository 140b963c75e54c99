"""Searching messages: what is found, by whom, and what the search knows of changes."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from rooms import storage
from rooms.callers import CODE
from rooms.errors import Banned, NoSuchRoom, Unavailable
from rooms.live.events import Event
from rooms.models import IndexedRoom, Membership, Message, Room
from rooms.project import room_for
from rooms.services import deletions
from rooms.services import search as search_service
from rooms.services.changes import delete_message, edit_message
from rooms.services.people import erase_messages
from rooms.services.posting import post_messages
from rooms.services.retention import prune
from rooms.services.rooms import purge, remove_room
from rooms.services.search import Page, index_room, rooms_behind, search_messages, snippet
from rooms.storage import search
from tests.support.factories import make_message
from tests.support.pictures import uploaded
from tests.support.rooms import Run, World, from_now, restrict

Find = Callable[..., list[str]]


def index(run: Run) -> None:
    while behind := run(rooms_behind):
        for room_id in behind:
            run(index_room, room_id=room_id)


@pytest.fixture
def say(run: Run, world: World, published: list[Event]) -> Callable[..., None]:
    """Alice writes messages, by which she becomes a member; the search knows them."""

    def post(*contents: str, **fields: Any) -> None:
        run(post_messages, [world.new(content, **fields) for content in contents])
        index(run)

    return post


@pytest.fixture
def find(run: Run, world: World, say: Any) -> Find:
    """The texts that alice finds."""

    def search_for(query: str, user: Any = None, **options: Any) -> list[str]:
        user_id = (user or world.alice).pk
        page: Page = run(search_messages, user_id=user_id, query=query, **options)
        return [result.message.content for result in page.results]

    return search_for


def test_messages_are_found_by_words_in_any_order_the_newest_first(say: Any, find: Find) -> None:
    say("The quick fox", "fox, and quick!", "a slow fox")
    assert find("quick FOX") == ["fox, and quick!", "The quick fox"]
    assert find('"quick fox"') == ["The quick fox"]
    assert find("quickly") == []
    assert find("quic") == []


def test_text_without_spaces_is_found_by_any_part(say: Any, find: Find) -> None:
    say("我们明天去北京开会", "京北大学", "東京タワー")
    assert find("北京") == ["我们明天去北京开会"]
    assert find("京") == ["東京タワー", "京北大学", "我们明天去北京开会"]
    assert find("明天去北京") == ["我们明天去北京开会"]
    assert find("タワー") == ["東京タワー"]


def test_filters_narrow_a_search(run: Run, world: World, say: Any, find: Find) -> None:
    say("news https://example.org", "news of mine")
    say("news of bob's", author_id=world.bob.pk)
    say("news in private", room_id=world.private.pk)
    assert find("news from:bob") == ["news of bob's"]
    assert find("news has:link") == ["news https://example.org"]
    assert find("in:private news") == find("news", name="private") == ["news in private"]
    assert find("from:alice in:lobby") == ["news of mine", "news https://example.org"]
    assert find("news from:nobody") == []


def test_messages_with_files_are_found_without_a_text_and_as_long_as_they_have_them(
    run: Run, world: World, say: Any, find: Find
) -> None:
    say("plain", "https://example.org")
    file = run(uploaded, world.alice).pk
    say("", attachments=(file,))
    assert find("has:file") == find("from:alice has:file") == [""]
    assert find("has:file has:link") == find("plain has:file") == []
    run(deletions.erase_file, actor=CODE, message_id=run(Message.objects.get, file_count=1).pk, attachment_id=file)
    assert find("has:file") == []


def test_days_bound_a_search(run: Run, world: World, say: Any, find: Find) -> None:
    say("old news", "new news")
    run(lambda: Message.objects.filter(content="old news").update(created_at="2026-01-31T23:59:59Z"))
    today = timezone.now().date()
    assert find(f"news before:{today}") == find("news before:2026-02-01") == ["old news"]
    assert find("news before:2026-01-31") == []
    assert find("news after:2026-01-30 before:2026-02-01") == ["old news"]
    assert find("news after:2026-01-31") == ["new news"]
    assert find(f"news after:{today + timedelta(days=1)}") == []


# --- Who finds what ---------------------------------------------------------------------------------------------------
def test_only_rooms_of_ones_own_are_searched_unless_one_is_named(run: Run, world: World, say: Any, find: Find) -> None:
    say("secret word")
    say("secret plan", room_id=world.private.pk)
    assert find("secret", world.bob) == []
    assert find("secret", world.bob, name="lobby") == ["secret word"], "which everybody may read"
    for query in ("secret in:private", "secret in:nothing"):
        with pytest.raises(NoSuchRoom):
            find(query, world.bob)
    run(restrict, world.private, world.bob, role="member")
    assert find("secret", world.bob) == ["secret plan"]


def test_who_left_or_is_banned_finds_nothing_there(run: Run, world: World, say: Any, find: Find) -> None:
    say("secret plan", room_id=world.private.pk)
    run(restrict, world.private, world.bob, role="none")
    assert find("secret", world.bob) == []
    run(restrict, world.private, world.bob, role="member", banned_until=from_now(1))
    assert find("secret", world.bob) == []
    with pytest.raises(Banned):
        find("secret", world.bob, name="private")


def test_what_was_written_before_one_came_is_not_found(run: Run, world: World, say: Any, find: Find) -> None:
    say("early plan", "late plan", room_id=world.private.pk)
    run(restrict, world.private, world.bob, role="member", visible_from_seq=1)
    assert find("plan", world.bob) == find("plan", world.bob, name="private") == ["late plan"]


def nobody(_user: Any, _room: Any) -> bool:
    return False


def test_whom_the_project_lets_in_no_more_finds_nothing_there(
    run: Run, world: World, say: Any, find: Find, settings: Any
) -> None:
    say("ours alone")
    settings.CHAT_CAN_JOIN = f"{__name__}.nobody"
    assert find("ours") == []


def test_who_may_see_an_object_no_more_finds_nothing_in_its_room(run: Run, world: World, say: Any, find: Find) -> None:
    room = run(lambda: room_for(world.bob))  # any object will do; alice has no permission for it
    run(restrict, room, world.alice, role="member")
    run(lambda: make_message(room, world.bob, "the secret of the object"))
    index(run)
    assert stored_words(run) == 1
    assert find("secret") == []
    with pytest.raises(NoSuchRoom):
        find("secret", name=room.name)


def test_a_removed_room_is_not_searched(run: Run, world: World, say: Any, find: Find) -> None:
    say("gone soon")
    run(remove_room, room_id=world.room.pk)
    assert find("gone") == []


# --- Pages ------------------------------------------------------------------------------------------------------------
def test_pages_follow_each_other_without_hole_or_repetition(run: Run, world: World, say: Any) -> None:
    say(*[f"word {n}" for n in range(7)], "other")
    found, before = [], None
    while True:
        page = run(search_messages, user_id=world.alice.pk, query="word", limit=3, before=before)
        found += [result.message.content for result in page.results]
        if page.next is None:
            break
        before = page.next
    assert found == [f"word {n}" for n in reversed(range(7))]


def test_a_page_goes_on_past_candidates_that_do_not_match(
    run: Run, say: Any, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.services.search.READ_AT_ONCE", 2)
    say("exactly this", *["this exactly"] * 5)
    assert find('"exactly this"') == ["exactly this"]


def test_common_words_are_found_past_the_newest_range_of_ids(
    run: Run, say: Any, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "RANGE", 2)
    say(*[f"word {n}" for n in range(9)], "rare")
    assert find("word") == [f"word {n}" for n in reversed(range(9))]
    assert find("rare") == ["rare"]


def test_hundreds_of_rooms_are_searched_at_once(run: Run, world: World, say: Any, find: Find) -> None:
    def join() -> None:
        rooms = Room.objects.bulk_create(
            [Room(name=f"r{n}", name_key=f"r{n}", name_shape=f"r{n}") for n in range(1500)]
        )
        Membership.objects.bulk_create([Membership(room=room, user=world.alice) for room in rooms])

    run(join)
    say("needle")
    assert find("needle") == ["needle"]


def test_a_search_that_takes_too_long_ends(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "TIMEOUT_S", 0.01)

    def count() -> None:
        with search.searching():
            search._ids("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n", [])

    with pytest.raises(Unavailable, match="too long"):
        run(count)
    assert run(storage.room_head, room_id=world.room.pk), "the next statement is not bounded"


# --- What the search knows --------------------------------------------------------------------------------------------
def stored_words(run: Run) -> int:
    [count] = run(search._ids, "SELECT count(*) FROM chat_rooms_words", [])
    return int(count)


def test_an_edited_message_is_found_by_its_new_words_alone(run: Run, say: Any, find: Find) -> None:
    say("first version")
    key = run(lambda: Message.objects.get().pk)
    run(edit_message, message_id=key, content="second version")
    assert find("first") == [], "at once"
    index(run)
    assert find("second") == ["second version"]


def test_a_deleted_message_is_not_found_from_then_on_and_its_words_are_gone(run: Run, say: Any, find: Find) -> None:
    say("secret", "other")
    run(delete_message, message_id=run(lambda: Message.objects.get(content="secret").pk))
    assert find("secret") == [], "at once"
    index(run)
    assert stored_words(run) == 1


@pytest.mark.parametrize("by", ["user", "list"])
def test_messages_deleted_by_one_change_are_gone_too(run: Run, world: World, say: Any, find: Find, by: str) -> None:
    say("spam one", "spam two")
    keys = run(lambda: list(Message.objects.values_list("pk", flat=True)))
    if by == "user":
        run(deletions.erase_all_of, actor=CODE, room_id=world.room.pk, user_id=world.alice.pk)
    else:
        run(deletions.erase_list, actor=CODE, room_id=world.room.pk, ids=keys)
    assert find("spam") == []
    index(run)
    assert stored_words(run) == 0


def test_what_is_pruned_purged_or_erased_leaves_no_words(run: Run, world: World, say: Any, settings: Any) -> None:
    say("one", "two", "three")
    run(lambda: list(prune(room_id=world.room.pk, keep=2)))
    assert stored_words(run) == 2
    settings.CHAT_ERASED_MESSAGES = "delete"
    run(lambda: Message.objects.filter(content="two").update(author=world.bob))
    run(lambda: list(erase_messages(user_id=world.bob.pk)))
    assert stored_words(run) == 1
    run(remove_room, room_id=world.room.pk)
    run(purge, room_id=world.room.pk)
    assert stored_words(run) == 0


def test_the_search_goes_on_where_it_stopped(run: Run, world: World, say: Any, find: Find, monkeypatch: Any) -> None:
    monkeypatch.setattr("rooms.services.search.CHANGES_AT_ONCE", 2)
    run(post_messages, [world.new(f"word {n}") for n in range(5)])
    assert run(rooms_behind) == {world.room.pk: 5}
    assert run(index_room, room_id=world.room.pk)
    assert run(rooms_behind) == {world.room.pk: 3}
    index(run)
    assert len(find("word")) == 5
    assert run(lambda: IndexedRoom.objects.get().seq) == 5


def test_what_is_erased_while_it_is_being_indexed_leaves_no_words(
    run: Run, world: World, published: list[Event], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.CHAT_ERASED_MESSAGES = "delete"
    run(post_messages, [world.new("secret")])
    entry = search_service._entry

    def erased_meanwhile(message: Any) -> Any:
        assert list(erase_messages(user_id=world.alice.pk))
        return entry(message)

    monkeypatch.setattr(search_service, "_entry", erased_meanwhile)
    run(index_room, room_id=world.room.pk)
    assert stored_words(run) == 0


# --- What is shown ----------------------------------------------------------------------------------------------------
def test_a_snippet_shows_the_hits_and_what_stands_around_the_first() -> None:
    text = "x" * 100 + " here it is, " + "y" * 300
    parts = snippet(text, [(101, 105)])
    assert [part.text for part in parts if part.hit] == ["here"]
    assert sum(len(part.text) for part in parts) == 160
    around = snippet("an introduction of some length, with many words, before it is here", [(62, 66)])
    assert around[0].text == "length, with many words, before it is "
    assert snippet("short", []) == [type(parts[0])("short", hit=False)]
