"""Rooms and messages over HTTP: what a member sees and says, page by page, and what is refused."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from accounts.models import User
from rooms import node, services
from rooms.delivery.presence import Online
from rooms.models import Membership, Message, Room
from tests.support.factories import make_message, make_room, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def api(alice: User, client: Client) -> Client:
    """A client that calls as alice."""
    client.force_login(alice)
    return client


@pytest.fixture
def room() -> Room:
    return make_room("lobby", title="The lobby")


@pytest.fixture(autouse=True)
def present(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, int]]:
    """Who is there is another module's work; a test says how many are in which room."""
    counts: dict[int, int] = {}
    monkeypatch.setattr(node, "member_counts", lambda ids: {room_id: counts.get(room_id, 0) for room_id in ids})
    return counts


def post(api: Client, path: str, body: Any) -> Any:
    return api.post(path, body, content_type="application/json")


def refused(response: Any, status: int, code: str) -> bool:
    """Is this a refusal of this status and code, with a text?"""
    answer = response.json()
    return (response.status_code, answer["code"]) == (status, code) and bool(answer["error"])


def seqs(api: Client, query: str) -> list[int]:
    return [message["seq"] for message in api.get(f"/api/rooms/lobby/messages{query}").json()["messages"]]


# --- Rooms ------------------------------------------------------------------------------------------------------------
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


def test_a_page_takes_as_many_queries_as_a_row(api: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(20):
        make_room(f"room-{number}")
    with django_assert_max_num_queries(3):  # session, user, rooms
        api.get("/api/rooms")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=x", "limit=1.5", f"limit={2**70}", "limit=" + "9" * 5000]
)
@pytest.mark.parametrize("path", ["/api/rooms", "/api/rooms/lobby/messages"])
def test_a_query_outside_its_rule_is_refused(api: Client, room: Room, path: str, query: str) -> None:
    assert refused(api.get(f"{path}?{query}"), 400, "bad-frame")


@pytest.mark.parametrize("after", ["%00", "x" * 81])
def test_a_name_to_go_on_from_that_none_can_have_is_refused(api: Client, after: str) -> None:
    assert refused(api.get(f"/api/rooms?after={after}"), 400, "bad-frame")


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
def test_who_makes_a_room_owns_it(api: Client, alice: User) -> None:
    response = post(api, "/api/rooms", {"name": "new", "title": "A new one", "kind": "private"})
    answer = response.json()
    assert (response.status_code, answer["id"], answer["title"], answer["kind"]) == (201, "new", "A new one", "private")
    assert Membership.objects.get().role == Membership.Role.OWNER
    assert api.get("/api/rooms/new").json() == answer


def test_a_room_that_exists_is_answered_as_it_is(api: Client, room: Room) -> None:
    response = post(api, "/api/rooms", {"name": "lobby", "title": "Mine now"})
    assert (response.status_code, response.json()["title"]) == (200, "The lobby")


def test_the_name_of_a_room_of_others_tells_nothing_of_it(api: Client) -> None:
    make_room("secret", kind="private", title="A secret")
    assert refused(post(api, "/api/rooms", {"name": "secret"}), 404, "no-such-room")


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


# --- Reading ----------------------------------------------------------------------------------------------------------
def test_a_message_has_the_sockets_shape(api: Client, alice: User, room: Room) -> None:
    message = make_message(room, alice, "Hello <b>", client_id="a1", kind="room-message")
    [shown] = api.get("/api/rooms/lobby/messages").json()["messages"]
    assert shown == msgspec.to_builtins(services.message_frame(message, "lobby"))
    assert (shown["type"], shown["content"], shown["clientId"]) == ("room-message", "Hello <b>", "a1")


def test_messages_come_page_by_page_oldest_first(api: Client, alice: User, room: Room) -> None:
    for _ in range(60):
        make_message(room, alice)
    assert seqs(api, "") == list(range(11, 61))
    assert seqs(api, "?limit=2") == [59, 60]
    assert seqs(api, "?limit=2&before=59") == [57, 58]
    assert seqs(api, "?limit=2&after=0") == [1, 2]
    assert seqs(api, "?after=2&before=5") == [3, 4]
    assert seqs(api, "?after=60") == []


def test_a_page_of_messages_holds_at_most_200(api: Client, alice: User, room: Room) -> None:
    Message.objects.bulk_create(
        Message(room=room, author=alice, content="x", seq=seq, changed_seq=seq) for seq in range(1, 202)
    )
    assert seqs(api, "?limit=1000") == list(range(2, 202))


@pytest.mark.parametrize("query", ["before=x", "after=-1", f"after={2**53}", f"before={10**30}"])
def test_a_seq_outside_its_rule_is_refused(api: Client, room: Room, query: str) -> None:
    assert refused(api.get(f"/api/rooms/lobby/messages?{query}"), 400, "bad-frame")


def test_a_page_of_messages_takes_few_queries(
    api: Client, alice: User, room: Room, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        make_message(room, make_user())
    with django_assert_max_num_queries(5):  # session, user, room, membership, messages with their authors
        assert len(seqs(api, "")) == 20


# --- Posting ----------------------------------------------------------------------------------------------------------
def test_a_posted_message_is_stored_and_answered(api: Client, alice: User, room: Room) -> None:
    response = post(api, "/api/rooms/lobby/messages", {"content": "Hello"})
    answer = response.json()
    assert response.status_code == 201
    assert (answer["type"], answer["roomId"], answer["content"], answer["seq"]) == ("chat-message", "lobby", "Hello", 1)
    assert answer["user"] == {"id": str(alice.pk), "username": "alice"}
    assert api.get("/api/rooms/lobby/messages").json()["messages"] == [answer]


def test_a_message_sent_twice_is_stored_once(api: Client, room: Room) -> None:
    first = post(api, "/api/rooms/lobby/messages", {"content": "Hello", "clientId": "a1"})
    again = post(api, "/api/rooms/lobby/messages", {"content": "Hello?", "clientId": "a1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["clientId"] == "a1"
    assert Message.objects.count() == 1


def test_a_message_repeated_in_another_room_is_answered_with_the_room_that_has_it(api: Client, room: Room) -> None:
    make_room("other")
    first = post(api, "/api/rooms/lobby/messages", {"content": "Hello", "clientId": "a1"})
    again = post(api, "/api/rooms/other/messages", {"content": "Hello", "clientId": "a1"})
    assert (again.status_code, again.json()) == (200, first.json())


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "bad-frame"),
        ({"content": 1}, 400, "bad-frame"),
        ({"content": ""}, 400, "bad-frame"),
        ({"content": " \n"}, 400, "bad-frame"),
        ({"content": "nul\0"}, 400, "bad-frame"),
        ({"content": "x" * 4001}, 413, "too-large"),
        ({"content": "x", "clientId": ""}, 400, "bad-frame"),
        ({"content": "x", "clientId": "x" * 65}, 400, "bad-frame"),
        ({"content": "x", "clientId": "nul\0"}, 400, "bad-frame"),
        ({"content": "x", "clientId": 1}, 400, "bad-frame"),
        ([], 400, "bad-frame"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_message_outside_its_rule_is_refused(api: Client, room: Room, body: Any, status: int, code: str) -> None:
    assert refused(post(api, "/api/rooms/lobby/messages", body), status, code)
    assert not Message.objects.exists()


def test_who_may_not_write_is_refused(api: Client, alice: User, room: Room) -> None:
    membership = Membership.objects.create(room=room, user=alice, muted_until=timezone.now() + timedelta(minutes=1))
    response = post(api, "/api/rooms/lobby/messages", {"content": "Hello"})
    assert refused(response, 403, "muted")
    assert 0 < response.json()["retryAfterMs"] <= 60_000
    membership.delete()
    services.close_room(room_id=room.pk)
    assert refused(post(api, "/api/rooms/lobby/messages", {"content": "Hello"}), 403, "forbidden")
    assert api.get("/api/rooms/lobby").json()["closed"] is True


def test_a_lost_database_is_told_as_unavailable(api: Client, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any, **__: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(services, "post_message", lost)
    response = post(api, "/api/rooms/lobby/messages", {"content": "Hello"})
    assert refused(response, 503, "unavailable")
    assert response.json()["retryable"] is True


# --- Who is online ----------------------------------------------------------------------------------------------------
def test_who_is_online_is_told_in_the_sockets_shape(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    since = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
    monkeypatch.setattr(node, "online", lambda: [Online(7, "bob", since, "192.0.2.7")])
    user = {"id": "7", "username": "bob", "authenticatedAt": "2026-01-02T03:04:05.678Z"}
    assert api.get("/api/online").json() == {"users": [user]}  # without the address: that is for the admin
