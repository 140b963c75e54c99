"""Messages in the admin: found among the newest, deleted by the service, never changed and never removed as rows."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from rooms.models import Message, Room
from rooms.services.search import index_room
from tests.support.factories import make_message, make_room, make_user

pytestmark = pytest.mark.django_db
MESSAGES = "/admin/chat_rooms/message/"
Staff = Callable[..., Client]
Act = Callable[..., str]


@pytest.fixture
def _without_an_index(settings: Any) -> None:
    settings.CHAT_SEARCH_SHARE = 0


def index_all() -> None:
    for room in Room.objects.all():
        while index_room(room_id=room.pk):
            pass


@pytest.mark.parametrize(
    "query", ["tomatoes", "in:garden", "from:alice", '"tomatoes are"', "ripe from:alice in:garden"]
)
def test_messages_are_found_by_the_index_however_old_they_are(
    moderator: Client, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.admin.messages.LISTED_MESSAGES", 1)
    make_message(make_room("garden"), make_user("alice"), "tomatoes are ripe")
    make_message(make_room("kitchen"), make_user("bob"), "soup is ready")
    index_all()
    page = moderator.get(MESSAGES, {"q": query}).content.decode()
    assert "tomatoes are ripe" in page
    assert "soup is ready" not in page


def test_a_search_in_one_rooms_list_stays_in_it(moderator: Client) -> None:
    garden, author = make_room("garden"), make_user()
    make_message(garden, author, "about green tea")
    make_message(make_room("kitchen"), author, "about black tea")
    index_all()
    for query in ({"q": "tea"}, {"q": "tea in:garden"}):
        page = moderator.get(MESSAGES, query | {"room__id__exact": garden.pk}).content.decode()
        assert "green tea" in page
        assert "black tea" not in page
    page = moderator.get(MESSAGES, {"q": "tea in:kitchen", "room__id__exact": garden.pk}).content.decode()
    assert "0 messages" in page


@pytest.mark.parametrize(
    ("query", "says"), [("...", "names a word"), ("before:yesterday", "take a day"), ("x" * 300, "200")]
)
def test_a_search_that_cannot_be_says_why(moderator: Client, query: str, says: str) -> None:
    make_message(make_room(), make_user(), "about tea")
    page = moderator.get(MESSAGES, {"q": query}).content.decode()
    assert "about tea" not in page
    [warning] = re.findall(r'<li class="warning">(.*?)</li>', page)
    assert says in warning


@pytest.mark.usefixtures("_without_an_index")
@pytest.mark.parametrize("query", ["tomatoes", "garden", "alice"])
def test_messages_are_found_by_content_room_and_author(moderator: Client, query: str) -> None:
    make_message(make_room("garden"), make_user("alice"), "tomatoes are ripe")
    make_message(make_room("kitchen"), make_user("bob"), "soup is ready")
    page = moderator.get(MESSAGES, {"q": query}).content.decode()
    assert "tomatoes are ripe" in page
    assert "soup is ready" not in page


# --- How far back -----------------------------------------------------------------------------------------------------
@pytest.fixture
def _three_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rooms.admin.messages.LISTED_MESSAGES", 3)


@pytest.mark.usefixtures("_three_listed", "_without_an_index")
def test_the_list_and_its_search_have_the_newest_messages_only(moderator: Client) -> None:
    room, author = make_room(), make_user()
    for number in range(1, 6):
        make_message(room, author, f"about tea {number}")
    for query in ({}, {"q": "tea"}, {"deleted_at__isempty": "1"}):
        page = moderator.get(MESSAGES, query).content.decode()
        assert "3 messages" in page
        assert page.index("tea 5") < page.index("tea 4") < page.index("tea 3")
        assert "tea 2" not in page


@pytest.mark.usefixtures("_three_listed", "_without_an_index")
def test_one_rooms_messages_are_found_however_much_was_said_elsewhere(moderator: Client) -> None:
    quiet, busy, author = make_room(), make_room(), make_user()
    for number in range(1, 6):
        make_message(quiet, author, f"about tea {number}")
    for _ in range(5):
        make_message(busy, author, "about coffee")
    assert "about tea" not in moderator.get(MESSAGES, {"q": "tea"}).content.decode()
    page = moderator.get(MESSAGES, {"q": "tea", "room__id__exact": quiet.pk}).content.decode()
    assert page.index("tea 5") < page.index("tea 4") < page.index("tea 3")
    assert "tea 2" not in page


@pytest.mark.usefixtures("_three_listed", "_without_an_index")
@pytest.mark.parametrize("in_one_room", [True, False])
def test_no_query_of_the_list_reads_further_back(
    moderator: Client, django_assert_max_num_queries: Any, in_one_room: bool
) -> None:
    room, author = make_room(), make_user()
    for _ in range(5):
        make_message(room, author)
    query = {"q": "nowhere", "deleted_at__isempty": "0"} | ({"room__id__exact": str(room.pk)} if in_one_room else {})
    with django_assert_max_num_queries(8) as queries:
        moderator.get(MESSAGES, query)
    read = [query["sql"] for query in queries.captured_queries if 'FROM "chat_rooms_message"' in query["sql"]]
    edge = '"changed_seq" > 2 ' if in_one_room else f'"id" > {Message.objects.get(seq=2).pk} '
    assert len(read) >= 2
    assert all(edge in sql or "LIMIT 1 OFFSET 3" in sql for sql in read)


def test_the_list_says_how_far_back_it_goes(moderator: Client) -> None:
    assert "the newest 20000, or" in moderator.get(MESSAGES).content.decode()


@pytest.mark.parametrize("room_id", ["x", "-1", "9" * 30])
def test_a_room_that_cannot_be_does_not_break_the_list(moderator: Client, room_id: str) -> None:
    make_message(make_room(), make_user(), "about tea")
    page = moderator.get(MESSAGES, {"room__id__exact": room_id}, follow=True)
    assert page.status_code == 200


@pytest.mark.usefixtures("_three_listed")
def test_an_old_message_is_still_shown_on_its_own_page(moderator: Client) -> None:
    room, author = make_room(), make_user()
    oldest = make_message(room, author, "about tea")
    for _ in range(5):
        make_message(room, author)
    assert "about tea" in moderator.get(f"{MESSAGES}{oldest.pk}/change/").content.decode()


# --- Deleting ---------------------------------------------------------------------------------------------------------
def test_deleting_a_message_keeps_its_place_in_the_order(
    moderator: Client, act: Act, django_capture_on_commit_callbacks: Any
) -> None:
    room, author = make_room("garden"), make_user()
    first, second = make_message(room, author), make_message(room, author)
    with django_capture_on_commit_callbacks() as published:
        assert "1 message was deleted." in act(moderator, MESSAGES, "delete", first)
    first.refresh_from_db()
    room.refresh_from_db()
    assert (first.seq, first.changed_seq, first.content) == (1, 3, "")
    assert first.deleted_at is not None
    assert room.last_seq == 3
    assert published
    assert Message.objects.filter(pk=second.pk, deleted_at=None).exists()
    [entry] = LogEntry.objects.all()
    assert (entry.object_repr, entry.change_message) == ("garden #1", "Deleted.")


def test_a_message_deleted_already_is_left_alone(moderator: Client, act: Act) -> None:
    room = make_room()
    message = make_message(room, make_user(), deleted_at=timezone.now())
    assert "0 messages were deleted." in act(moderator, MESSAGES, "delete", message)
    room.refresh_from_db()
    assert room.last_seq == 1


def test_who_may_only_read_deletes_nothing(staff: Staff, act: Act) -> None:
    message = make_message(make_room(), make_user())
    client = staff("view_message")
    assert '<option value="delete">' not in client.get(MESSAGES).content.decode()
    act(client, MESSAGES, "delete", message)
    message.refresh_from_db()
    assert message.deleted_at is None


def test_no_one_removes_rows_or_changes_what_was_said(admin_client: Client) -> None:
    message = make_message(make_room(), make_user(), "as it was")
    assert "delete_selected" not in admin_client.get(MESSAGES).content.decode()
    assert admin_client.post(f"{MESSAGES}{message.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin_client.post(f"{MESSAGES}{message.pk}/change/", {"content": "other"}).status_code == 403
    assert admin_client.get(f"{MESSAGES}add/").status_code == 403
    message.refresh_from_db()
    assert message.content == "as it was"


def test_content_is_never_markup(moderator: Client) -> None:
    message = make_message(make_room(), make_user(), "<b>bold</b>")
    for path in (MESSAGES, f"{MESSAGES}{message.pk}/change/"):
        page = moderator.get(path).content.decode()
        assert "&lt;b&gt;bold&lt;/b&gt;" in page
        assert "<b>bold" not in page


def test_deleting_a_user_keeps_their_messages_and_reads_none_of_them(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    author = make_user()
    message = make_message(make_room(), author, "as it was")
    path = f"/admin/chat_accounts/user/{author.pk}/delete/"
    with django_assert_max_num_queries(70) as queries:
        assert "as it was" not in admin_client.get(path).content.decode()
        assert admin_client.post(path, {"post": "yes"}).status_code == 302
    assert not [query["sql"] for query in queries.captured_queries if 'FROM "chat_rooms_message"' in query["sql"]]
    message.refresh_from_db()
    assert (message.author_id, message.content) == (None, "as it was")
