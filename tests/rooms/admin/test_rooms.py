"""Rooms in the admin: found, created, closed, reopened and removed; none is deleted by Django's own page."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.test import Client
from django.utils import timezone

from rooms.errors import Unavailable
from rooms.live import roster
from rooms.models import Membership, Message, Room
from rooms.services.rooms import removed_rooms
from tests.support.factories import make_message, make_room, make_user

pytestmark = pytest.mark.django_db
ROOMS = "/admin/chat_rooms/room/"
SETTINGS = {"history": "all", "slow_mode_s": "0"}  # fields of the form that have a value at first
Staff = Callable[..., Client]
Act = Callable[..., str]


# --- The list ---------------------------------------------------------------------------------------------------------
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
    Membership.objects.create(room=room, user=make_user(), role="none")
    monkeypatch.setattr(roster, "member_counts", lambda ids: dict.fromkeys(ids, 41))
    page = moderator.get(ROOMS).content.decode()
    assert '<td class="field-people">41</td>' in page
    assert '<td class="field-members">3</td>' in page


def test_the_list_of_rooms_opens_without_presence(moderator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_ids: object) -> None:
        raise Unavailable

    make_room("garden")
    monkeypatch.setattr(roster, "member_counts", fail)
    assert '<td class="field-people">-</td>' in moderator.get(ROOMS).content.decode()


def test_the_queries_of_the_list_do_not_grow_with_it(moderator: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(30):
        make_room(created_by=make_user())
    with django_assert_max_num_queries(7):
        moderator.get(ROOMS)


def test_closed_rooms_are_found_by_a_filter(moderator: Client) -> None:
    make_room("garden", closed_at=timezone.now())
    make_room("kitchen")
    page = moderator.get(ROOMS, {"closed_at__isempty": "0"}).content.decode()
    assert "garden" in page
    assert "kitchen" not in page
    assert "Not empty" not in page


def test_the_list_leads_to_the_messages_of_each_room(moderator: Client) -> None:
    room = make_room("garden")
    assert f'href="/admin/chat_rooms/message/?room__id__exact={room.pk}"' in moderator.get(ROOMS).content.decode()


# --- Creating and changing --------------------------------------------------------------------------------------------
def test_a_room_is_created_as_everywhere_else_with_its_creator_as_owner(moderator: Client) -> None:
    moderator.post(f"{ROOMS}add/", {"name": "e\u0301tage", "title": "Up", "kind": "private", **SETTINGS})
    room = Room.objects.get(name="étage")
    assert (room.title, room.kind) == ("Up", "private")
    assert room.memberships.get().role == Membership.Role.OWNER


def test_a_name_outside_the_rule_is_refused(moderator: Client) -> None:
    response = moderator.post(f"{ROOMS}add/", {"name": "two words", "kind": "public"})
    assert "A room name has 1 to 80 letters" in response.content.decode()
    assert not Room.objects.exists()


def test_a_name_that_looks_like_that_of_another_room_is_refused(moderator: Client) -> None:
    make_room("scope")
    response = moderator.post(f"{ROOMS}add/", {"name": "ѕсоре", "kind": "public"})
    assert "This name is taken" in response.content.decode()
    assert Room.objects.count() == 1


def test_saving_a_room_does_not_turn_back_its_seq(moderator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    room, author = make_room("garden"), make_user()
    opened = Room.objects.get(pk=room.pk)
    make_message(room, author)
    monkeypatch.setattr("rooms.admin.rooms.RoomAdmin.get_object", lambda *_args, **_kwargs: opened)
    moderator.post(f"{ROOMS}{room.pk}/change/", {"title": "New", **SETTINGS})
    room.refresh_from_db()
    assert (room.title, room.last_seq) == ("New", 2)  # the message, and what the room says of its title


def test_a_room_keeps_its_name_and_kind(moderator: Client) -> None:
    room = make_room("garden")
    moderator.post(f"{ROOMS}{room.pk}/change/", {"name": "other", "kind": "private", "title": "", **SETTINGS})
    room.refresh_from_db()
    assert (room.name, room.kind) == ("garden", "public")


# --- Closing ----------------------------------------------------------------------------------------------------------
def test_rooms_are_closed_and_reopened(moderator: Client, act: Act) -> None:
    garden, kitchen = make_room("garden"), make_room("kitchen")
    assert "2 rooms were closed." in act(moderator, ROOMS, "close", garden, kitchen)
    assert Room.objects.filter(closed_at=None).count() == 0
    assert "1 room was reopened." in act(moderator, ROOMS, "reopen", garden)
    assert list(Room.objects.filter(closed_at=None)) == [garden]
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == ["Closed.", "Closed.", "Reopened."]


def test_a_room_closed_already_keeps_its_time(moderator: Client, act: Act) -> None:
    before = timezone.now() - timedelta(days=1)
    room = make_room(closed_at=before)
    assert "0 rooms were closed." in act(moderator, ROOMS, "close", room)
    room.refresh_from_db()
    assert room.closed_at == before


def test_who_may_only_look_closes_nothing(staff: Staff, act: Act) -> None:
    room = make_room("garden")
    client = staff("view_room")
    assert '<option value="close">' not in client.get(ROOMS).content.decode()
    act(client, ROOMS, "close", room)
    room.refresh_from_db()
    assert room.closed_at is None


# --- Removing ---------------------------------------------------------------------------------------------------------
def test_removing_asks_first_and_removes_nothing_yet(moderator: Client, act: Act) -> None:
    garden, kitchen = make_room("garden", title="<Plants>"), make_room("kitchen")
    page = act(moderator, ROOMS, "remove", garden)
    assert "This cannot be undone." in page
    assert f'<a href="{ROOMS}{garden.pk}/change/">garden</a>' in page
    assert "(<bdi>&lt;Plants&gt;</bdi>)" in page
    assert f'name="_selected_action" value="{garden.pk}"' in page
    assert "kitchen" not in page
    assert set(Room.objects.filter(removed_at=None)) == {garden, kitchen}
    assert not LogEntry.objects.exists()


def test_the_question_looks_as_the_admins_own_pages_do(moderator: Client, act: Act) -> None:
    page = act(moderator, ROOMS, "remove", make_room("garden"))
    assert "delete-confirmation" in page
    assert "<title>Remove rooms | " in page
    assert f'<a class="button cancel-link" href="{ROOMS}">No, take me back</a>' in page
    breadcrumbs = page[page.index('class="breadcrumbs"') :]
    assert 'href="/admin/chat_rooms/"' in breadcrumbs[:500]
    assert f'href="{ROOMS}"' in breadcrumbs[:500]


def test_the_question_is_asked_in_chinese_too(moderator: Client, act: Act) -> None:
    moderator.defaults["HTTP_ACCEPT_LANGUAGE"] = "zh-hans"
    page = act(moderator, ROOMS, "remove", make_room("garden"))
    assert "是的，移除" in page
    assert "Yes, remove them" not in page


def test_a_confirmed_removal_leaves_the_messages_to_the_serving_processes(
    moderator: Client, act: Act, django_capture_on_commit_callbacks: Any
) -> None:
    garden, kitchen = make_room("garden"), make_room("kitchen")
    make_message(garden, make_user())
    with django_capture_on_commit_callbacks() as published:
        assert "1 room was removed." in act(moderator, ROOMS, "remove", garden, confirmed="yes")
    assert "garden" not in moderator.get(ROOMS, {"q": "garden"}).content.decode().partition('id="result_list"')[2]
    assert removed_rooms() == [garden.pk]
    assert Message.objects.filter(room=garden).exists()
    assert published
    assert list(Room.objects.filter(removed_at=None)) == [kitchen]
    [entry] = LogEntry.objects.all()
    assert (entry.object_repr, entry.action_flag) == ("garden", DELETION)


def test_only_a_private_room_hides_what_was_written_before(moderator: Client) -> None:
    room = make_room("garden")
    page = moderator.post(f"{ROOMS}{room.pk}/change/", {**SETTINGS, "history": "joined"}).content.decode()
    assert "Only a private room can hide what was written before." in page
    assert Room.objects.get().history == "all"


def test_the_name_of_a_removed_room_is_free_again(moderator: Client, act: Act) -> None:
    act(moderator, ROOMS, "remove", make_room("garden"), confirmed="yes")
    moderator.post(f"{ROOMS}add/", {"name": "garden", "kind": "public", **SETTINGS})
    assert Room.objects.get(name="garden").removed_at is None


def test_who_may_not_delete_rooms_removes_none(staff: Staff, act: Act) -> None:
    room = make_room("garden")
    client = staff("view_room", "change_room")
    assert '<option value="remove">' not in client.get(ROOMS).content.decode()
    act(client, ROOMS, "remove", room, confirmed="yes")
    assert Room.objects.filter(pk=room.pk, removed_at=None).exists()


def test_nobody_reaches_the_page_that_would_collect_every_message(admin_client: Client, act: Act) -> None:
    room = make_room("garden")
    page = admin_client.get(ROOMS).content.decode()
    assert "delete_selected" not in page
    assert '<option value="remove">' in page
    assert admin_client.get(f"{ROOMS}{room.pk}/delete/").status_code == 403
    act(admin_client, ROOMS, "delete_selected", room, post="yes")
    assert Room.objects.filter(pk=room.pk, removed_at=None).exists()
