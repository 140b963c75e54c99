"""Rooms, memberships and messages in the admin: what moderators can do, and what nobody can."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import User
from chatsite.errors import Unavailable
from rooms import node
from rooms.models import Membership, Message, Room
from tests.support.factories import make_message, make_room, make_user

pytestmark = pytest.mark.django_db
ROOMS, MESSAGES, MEMBERSHIPS = "/admin/rooms/room/", "/admin/rooms/message/", "/admin/rooms/membership/"


def staff(*permissions: str) -> User:
    user = make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def signed_in(*permissions: str) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(staff(*permissions))
    return client


def act(client: Client, path: str, action: str, *records: Room | Message) -> str:
    """Runs an action on the records and answers the page that follows."""
    form = {"action": action, "_selected_action": [record.pk for record in records]}
    response = client.post(path, form, follow=True)
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def moderator() -> Client:
    return signed_in("view_room", "change_room", "add_room", "view_message", "delete_message", "change_membership")


# --- Rooms ------------------------------------------------------------------------------------------------------------
def test_rooms_are_found_by_name_and_title(moderator: Client) -> None:
    make_room("garden", title="Plants")
    make_room("kitchen", title="Food")
    for query in ("gard", "plants"):
        page = moderator.get(ROOMS, {"q": query}).content.decode()
        assert "garden" in page
        assert "kitchen" not in page


def test_the_list_of_rooms_shows_members_and_people(moderator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    room = make_room("garden")
    for _ in range(3):
        Membership.objects.create(room=room, user=make_user())
    monkeypatch.setattr(node, "member_counts", lambda ids: dict.fromkeys(ids, 41))
    page = moderator.get(ROOMS).content.decode()
    assert '<td class="field-people">41</td>' in page
    assert '<td class="field-members">3</td>' in page


def test_the_list_of_rooms_opens_without_presence(moderator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_ids: object) -> None:
        raise Unavailable

    make_room("garden")
    monkeypatch.setattr(node, "member_counts", fail)
    assert '<td class="field-people">-</td>' in moderator.get(ROOMS).content.decode()


def test_the_queries_of_the_list_do_not_grow_with_it(moderator: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(30):
        make_room(created_by=make_user())
    with django_assert_max_num_queries(7):
        moderator.get(ROOMS)


def test_rooms_are_closed_and_reopened(moderator: Client) -> None:
    garden, kitchen = make_room("garden"), make_room("kitchen")
    assert "2 rooms were closed." in act(moderator, ROOMS, "close", garden, kitchen)
    assert Room.objects.filter(closed_at=None).count() == 0
    assert "1 room was reopened." in act(moderator, ROOMS, "reopen", garden)
    assert list(Room.objects.filter(closed_at=None)) == [garden]
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == ["Closed.", "Closed.", "Reopened."]


def test_closed_rooms_are_found_by_a_filter(moderator: Client) -> None:
    make_room("garden", closed_at=timezone.now())
    make_room("kitchen")
    page = moderator.get(ROOMS, {"closed_at__isempty": "0"}).content.decode()
    assert "garden" in page
    assert "kitchen" not in page
    assert "Not empty" not in page


def test_a_room_closed_already_keeps_its_time(moderator: Client) -> None:
    before = timezone.now() - timedelta(days=1)
    room = make_room(closed_at=before)
    assert "0 rooms were closed." in act(moderator, ROOMS, "close", room)
    room.refresh_from_db()
    assert room.closed_at == before


def test_who_may_only_look_closes_nothing() -> None:
    room = make_room("garden")
    client = signed_in("view_room")
    assert '<option value="close">' not in client.get(ROOMS).content.decode()
    act(client, ROOMS, "close", room)
    room.refresh_from_db()
    assert room.closed_at is None


def test_a_room_is_made_as_everywhere_else_with_its_maker_as_owner(moderator: Client) -> None:
    moderator.post(f"{ROOMS}add/", {"name": "e\u0301tage", "title": "Up", "kind": "private"})
    room = Room.objects.get(name="étage")
    assert (room.title, room.kind) == ("Up", "private")
    assert room.memberships.get().role == Membership.Role.OWNER


def test_a_name_outside_the_rule_is_refused(moderator: Client) -> None:
    response = moderator.post(f"{ROOMS}add/", {"name": "two words", "kind": "public"})
    assert "A room name has 1 to 80 letters" in response.content.decode()
    assert not Room.objects.exists()


def test_saving_a_room_does_not_turn_back_its_seq(moderator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    room, author = make_room("garden"), make_user()
    opened = Room.objects.get(pk=room.pk)
    make_message(room, author)
    monkeypatch.setattr("rooms.admin.RoomAdmin.get_object", lambda *_args, **_kwargs: opened)
    moderator.post(f"{ROOMS}{room.pk}/change/", {"title": "New"})
    room.refresh_from_db()
    assert (room.title, room.last_seq) == ("New", 1)


def test_a_room_keeps_its_name_and_kind(moderator: Client) -> None:
    room = make_room("garden")
    moderator.post(f"{ROOMS}{room.pk}/change/", {"name": "other", "kind": "private", "title": ""})
    room.refresh_from_db()
    assert (room.name, room.kind) == ("garden", "public")


def test_a_room_in_which_something_was_said_is_not_deleted(admin_client: Client) -> None:
    room = make_room()
    make_message(room, make_user())
    admin_client.post(f"{ROOMS}{room.pk}/delete/", {"post": "yes"})
    assert Room.objects.filter(pk=room.pk).exists()


# --- Messages ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("query", ["tomatoes", "garden", "alice"])
def test_messages_are_found_by_content_room_and_author(moderator: Client, query: str) -> None:
    make_message(make_room("garden"), make_user("alice"), "tomatoes are ripe")
    make_message(make_room("kitchen"), make_user("bob"), "soup is ready")
    page = moderator.get(MESSAGES, {"q": query}).content.decode()
    assert "tomatoes are ripe" in page
    assert "soup is ready" not in page


def test_deleting_a_message_keeps_its_place_in_the_order(
    moderator: Client, django_capture_on_commit_callbacks: Any
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


def test_a_message_deleted_already_is_left_alone(moderator: Client) -> None:
    room = make_room()
    message = make_message(room, make_user(), deleted_at=timezone.now())
    assert "0 messages were deleted." in act(moderator, MESSAGES, "delete", message)
    room.refresh_from_db()
    assert room.last_seq == 1


def test_who_may_only_read_deletes_nothing() -> None:
    message = make_message(make_room(), make_user())
    client = signed_in("view_message")
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


def test_messages_are_counted_no_further_than_they_are_paged(
    moderator: Client, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    room, author = make_room(), make_user()
    for _ in range(8):
        make_message(room, author)
    monkeypatch.setattr("rooms.admin.COUNTED_MESSAGES", 5)
    monkeypatch.setattr("rooms.admin.MessageAdmin.list_per_page", 2)
    with django_assert_max_num_queries(8) as queries:
        page = moderator.get(MESSAGES).content.decode()
    assert "5 messages" in page
    assert all("LIMIT" in query["sql"] for query in queries.captured_queries if "rooms_message" in query["sql"])


# --- Memberships ------------------------------------------------------------------------------------------------------
def test_a_ban_is_entered_without_moving_what_was_read(moderator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    membership = Membership.objects.create(room=make_room(), user=make_user())
    opened = Membership.objects.get(pk=membership.pk)
    Membership.objects.update(read_seq=9)
    monkeypatch.setattr("rooms.admin.MembershipAdmin.get_object", lambda *_args, **_kwargs: opened)
    form = {"role": "member", "banned_until_0": "2099-01-01", "banned_until_1": "00:00"}
    response = moderator.post(f"{MEMBERSHIPS}{membership.pk}/change/", form)
    assert response.status_code == 302
    membership.refresh_from_db()
    assert membership.banned_until is not None
    assert membership.read_seq == 9
