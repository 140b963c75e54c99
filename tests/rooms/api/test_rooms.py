"""Rooms over HTTP: what a member sees page by page, who may make one, and what is refused."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts import tokens
from accounts.models import User
from rooms.models import Membership, Room
from rooms.services.rooms import remove_room
from tests.support.api import post, refused
from tests.support.factories import make_message, make_room, make_user

pytestmark = pytest.mark.django_db


def test_a_room_is_shown_with_who_is_there_now(api: Client, room: Room, present: dict[int, int]) -> None:
    present[room.pk] = 3
    answer = api.get("/api/rooms/lobby").json()
    created_at = answer.pop("createdAt")
    assert answer == {
        "id": "lobby",
        "title": "The lobby",
        "kind": "public",
        "memberCount": 3,
        "lastSeq": 0,
        "closed": False,
        "link": "",
        "topic": "",
        "history": "all",
        "slowModeS": 0,
        "locked": False,
        "role": None,
        "level": None,
        "members": None,
    }
    assert datetime.fromisoformat(created_at) == room.created_at.replace(
        microsecond=room.created_at.microsecond // 1000 * 1000
    )


def test_the_list_and_the_single_room_agree(api: Client, room: Room) -> None:
    assert api.get("/api/rooms").json() == {"rooms": [api.get("/api/rooms/lobby").json()], "next": None}


@pytest.mark.parametrize("path", ["/api/rooms", "/api/rooms/lobby", "/api/rooms/lobby/messages", "/api/online"])
def test_every_path_works_with_and_without_a_trailing_slash(api: Client, room: Room, path: str) -> None:
    assert api.get(path).status_code == 200
    assert api.get(path).content == api.get(path + "/").content


@pytest.mark.parametrize("path", ["/api/rooms", "/api/rooms/lobby", "/api/rooms/lobby/messages", "/api/online"])
def test_nobody_reads_without_signing_in(room: Room, path: str) -> None:
    assert refused(Client().get(path), 401, "auth-required")


def test_the_pages_of_the_list_hold_every_room_once(api: Client) -> None:
    names = sorted(make_room(f"room-{number}").name for number in range(7))
    seen, after = [], ""
    while after is not None:
        page = api.get("/api/rooms", {"limit": 3, "after": after}).json()
        assert len(page["rooms"]) <= 3
        seen += [room["id"] for room in page["rooms"]]
        after = page["next"]
    assert seen == names


def test_a_page_that_holds_the_last_room_has_no_next(api: Client) -> None:
    for number in range(2):
        make_room(f"room-{number}")
    assert api.get("/api/rooms?limit=2").json()["next"] is None
    assert api.get("/api/rooms?limit=1").json()["next"] == "room-0"


def test_a_page_holds_at_most_200(api: Client) -> None:
    Room.objects.bulk_create(Room(name=f"room-{number:03}") for number in range(201))
    page = api.get("/api/rooms?limit=1000").json()
    assert (len(page["rooms"]), page["next"]) == (200, "room-199")


@pytest.mark.parametrize("count", [0, 1, 20])
def test_a_page_of_rooms_takes_five_queries(
    api: Client, alice: User, count: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        Membership.objects.create(room=make_room(f"room-{number}", created_by=make_user()), user=alice)
    with django_assert_num_queries(5):  # session, user, device, ban, rooms
        assert len(api.get("/api/rooms").json()["rooms"]) == count


def test_one_room_takes_five_queries(
    api: Client, alice: User, room: Room, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Membership.objects.create(room=room, user=alice)
    make_message(room, alice)
    with django_assert_num_queries(5):  # session, user, device, ban, room
        assert api.get("/api/rooms/lobby").json()["lastSeq"] == 1


def test_with_a_token_one_room_takes_three_queries(
    alice: User, room: Room, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    token = tokens.issue_access(user_id=alice.pk, username="alice", roles=(), stamp=alice.stamp())
    with django_assert_num_queries(3):  # user with sign-in, ban, room
        assert Client().get("/api/rooms/lobby", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=x", "limit=1.5", f"limit={2**70}", "limit=" + "9" * 5000]
)
@pytest.mark.parametrize("path", ["/api/rooms", "/api/rooms/lobby/messages"])
def test_a_query_outside_its_rule_is_refused(api: Client, room: Room, path: str, query: str) -> None:
    assert refused(api.get(f"{path}?{query}"), 400, "bad-frame")


@pytest.mark.parametrize("after", ["%00", "x" * 81])
def test_a_name_to_go_on_from_that_none_can_have_is_refused(api: Client, after: str) -> None:
    assert refused(api.get(f"/api/rooms?after={after}"), 400, "bad-frame")


def test_a_name_that_looks_like_that_of_another_room_is_taken(api: Client, room: Room) -> None:
    for name in ("ӀоЬЬу", "LOBBY"):
        answer = api.post("/api/rooms", {"name": name}, content_type="application/json")
        assert refused(answer, 409, "conflict")
    assert Room.objects.count() == 1


def test_the_rooms_of_others_are_not_shown(api: Client, alice: User) -> None:
    make_room("secret", kind="private")
    mine, barred = make_room("mine", kind="private"), make_room("barred")
    Membership.objects.create(room=mine, user=alice)
    Membership.objects.create(room=barred, user=alice, banned_until=timezone.now() + timedelta(days=1))
    assert [room["id"] for room in api.get("/api/rooms").json()["rooms"]] == ["mine"]
    for path in ("/api/rooms/secret", "/api/rooms/secret/messages", "/api/rooms/nothing"):
        assert refused(api.get(path), 404, "no-such-room")
    for path in ("/api/rooms/barred", "/api/rooms/barred/messages"):
        assert refused(api.get(path), 403, "banned")


def test_a_room_of_any_language_is_reached_by_its_name(api: Client) -> None:
    post(api, "/api/rooms", {"name": "聊天室.é-1"})
    assert api.get("/api/rooms/" + quote("聊天室.é-1")).json()["id"] == "聊天室.é-1"


@pytest.mark.parametrize("name", ["%00", "a%00b", "%20", "a%0A", "x" * 81, "%F0%9F%98%80", "%ED%A0%80", "a%5Cb"])
@pytest.mark.parametrize("rest", ["", "/messages"])
def test_a_name_outside_the_rule_is_refused(api: Client, name: str, rest: str) -> None:
    assert refused(api.get(f"/api/rooms/{name}{rest}"), 400, "bad-frame")


# --- Making a room ----------------------------------------------------------------------------------------------------
def test_the_maker_of_a_room_owns_it(api: Client, alice: User) -> None:
    response = post(api, "/api/rooms", {"name": "new", "title": "A new one", "kind": "private"})
    answer = response.json()
    assert (response.status_code, answer["id"], answer["title"], answer["kind"]) == (201, "new", "A new one", "private")
    assert Membership.objects.get().role == Membership.Role.OWNER
    assert (answer["role"], answer["level"], answer["history"]) == ("owner", "all", "all")
    assert api.get("/api/rooms/new").json() == answer


def test_a_room_that_exists_is_answered_as_it_is(api: Client, room: Room) -> None:
    response = post(api, "/api/rooms", {"name": "lobby", "title": "Mine now"})
    assert (response.status_code, response.json()["title"]) == (200, "The lobby")


def test_the_name_of_a_private_room_reveals_nothing_of_it(api: Client) -> None:
    make_room("secret", kind="private", title="A secret")
    answer = post(api, "/api/rooms", {"name": "secret"})
    assert refused(answer, 409, "conflict")
    assert answer.json()["error"] == "This name is taken"


def test_a_private_room_can_hide_its_past_from_new_members_and_no_other(api: Client) -> None:
    hiding = {"name": "new", "history": "joined"}
    assert refused(post(api, "/api/rooms", hiding), 409, "conflict")
    assert post(api, "/api/rooms", {**hiding, "kind": "private"}).json()["history"] == "joined"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "two words"},
        {"name": "nul\0"},
        {"name": "x" * 81},
        {"name": 1},
        {"name": "a", "title": "nul\0"},
        {"name": "a", "title": "x" * 201},
        {"name": "a", "title": None},
        {"name": "a", "kind": "other"},
        {"name": "a", "kind": 1},
    ],
    ids=str,
)
def test_a_room_outside_its_rule_is_refused(api: Client, body: dict[str, Any]) -> None:
    assert refused(post(api, "/api/rooms", body), 400, "bad-frame")
    assert not Room.objects.exists()


def test_a_room_made_by_joining_is_claimed(api: Client, alice: User) -> None:
    visited = make_room("new", transient=True)
    response = post(api, "/api/rooms", {"name": "new", "title": "Mine"})
    assert (response.status_code, response.json()["title"]) == (201, "Mine")
    assert not Room.objects.get(pk=visited.pk).transient


def test_a_removed_room_is_not_found_and_its_name_is_free(api: Client, room: Room) -> None:
    remove_room(room_id=room.pk)
    assert refused(api.get("/api/rooms/lobby"), 404, "no-such-room")
    assert api.get("/api/rooms").json()["rooms"] == []
    assert post(api, "/api/rooms", {"name": "lobby"}).status_code == 201
