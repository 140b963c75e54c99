"""Who may know of a room, read it and post in it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from rooms import access
from rooms.access import Action, refusal
from rooms.errors import BadFrame, Banned, ChatError, Closed, Muted, NoSuchRoom
from rooms.models import Membership, Room
from rooms.storage import RoomAccess
from tests.support.factories import make_room, make_user

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATER, EARLIER = NOW + timedelta(seconds=90), NOW - timedelta(seconds=90)
OPEN = RoomAccess(
    room_id=1,
    name="lobby",
    kind="public",
    last_seq=0,
    transient=False,
    closed=False,
    active=True,
    username="alice",
    role=None,
    banned_until=None,
    muted_until=None,
)


# --- The rule ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "read", "post"),
    [
        ({}, None, None),
        ({"role": "member"}, None, None),
        ({"active": False}, Banned, Banned),
        ({"active": False, "kind": "private"}, NoSuchRoom, NoSuchRoom),
        ({"active": False, "kind": "private", "role": "member"}, Banned, Banned),
        ({"kind": "private"}, NoSuchRoom, NoSuchRoom),
        ({"kind": "direct"}, NoSuchRoom, NoSuchRoom),
        ({"kind": "private", "role": "member"}, None, None),
        ({"kind": "direct", "role": "owner"}, None, None),
        ({"banned_until": LATER}, Banned, Banned),
        ({"banned_until": NOW}, None, None),
        ({"banned_until": EARLIER}, None, None),
        ({"kind": "private", "role": "member", "banned_until": LATER}, Banned, Banned),
        ({"closed": True}, None, Closed),
        ({"muted_until": LATER}, None, Muted),
        ({"muted_until": NOW}, None, None),
        ({"muted_until": EARLIER}, None, None),
        ({"muted_until": LATER, "closed": True}, None, Closed),
        ({"banned_until": LATER, "muted_until": LATER, "closed": True}, Banned, Banned),
    ],
    ids=str,
)
def test_the_rule_of_access(
    changes: dict[str, Any], read: type[ChatError] | None, post: type[ChatError] | None
) -> None:
    room = msgspec.structs.replace(OPEN, **changes)
    assert type(refusal(room, Action.READ, NOW)) is (read or type(None))
    assert type(refusal(room, Action.POST, NOW)) is (post or type(None))


@pytest.mark.parametrize("action", Action)
def test_no_room_is_refused_as_no_such_room(action: Action) -> None:
    assert isinstance(refusal(None, action, NOW), NoSuchRoom)


def test_a_mute_says_how_long_it_lasts() -> None:
    muted = refusal(msgspec.structs.replace(OPEN, muted_until=LATER), Action.POST, NOW)
    assert muted is not None
    assert muted.retry_after_ms == 90_000


# --- With the database ------------------------------------------------------------------------------------------------
@pytest.fixture
def public(db: None) -> Room:
    return make_room("caf\u00e9")


@pytest.fixture(params=[Room.Kind.PRIVATE, Room.Kind.DIRECT])
def private(request: pytest.FixtureRequest, people: SimpleNamespace) -> Room:
    """A room of which bob alone has a membership: alice has a lower id, carol a higher one."""
    assert people.alice.pk < people.bob.pk < people.carol.pk
    room = make_room("circle", kind=request.param)
    Membership.objects.create(room=room, user=people.bob)
    return room


def from_now(hours: int) -> datetime:
    return timezone.now() + timedelta(hours=hours)


def visible(user_id: int) -> list[str]:
    return [room.name for room in access.visible_rooms(user_id)]


def test_a_public_room_is_open_to_everybody(public: Room, people: SimpleNamespace) -> None:
    assert access.room(people.bob.pk, "caf\u00e9").room_id == public.pk
    assert visible(people.bob.pk) == ["caf\u00e9"]


def test_a_room_is_found_by_any_spelling_of_its_name(public: Room, people: SimpleNamespace) -> None:
    assert access.room(people.bob.pk, "cafe\u0301").room_id == public.pk
    assert access.entry(people.bob.pk, "cafe\u0301").room_id == public.pk


def test_an_entry_has_what_a_list_of_rooms_shows(public: Room, people: SimpleNamespace) -> None:
    found = access.entry(people.bob.pk, public.name)
    assert (found.title, found.created_at, found.closed) == (public.title, public.created_at, False)
    assert access.visible_rooms(people.bob.pk) == [found]


def test_a_room_is_found_with_all_that_decides_by_one_query(
    public: Room, people: SimpleNamespace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Membership.objects.create(room=public, user=people.bob)
    for find in (access.room, access.entry, access.find_room):
        with django_assert_num_queries(1):
            found = find(people.bob.pk, public.name)
            assert found is not None
            assert (found.role, found.username, found.active) == ("member", "bob", True)


def test_a_name_outside_the_rule_is_refused_as_such(people: SimpleNamespace) -> None:
    for find in (access.room, access.entry):
        with pytest.raises(BadFrame):
            find(people.bob.pk, "no name")


def test_a_room_that_does_not_exist_is_not_found(people: SimpleNamespace) -> None:
    assert access.find_room(people.bob.pk, "nowhere") is None
    for find in (access.room, access.entry):
        with pytest.raises(NoSuchRoom):
            find(people.bob.pk, "nowhere")


def test_a_private_room_is_open_to_its_members(private: Room, people: SimpleNamespace) -> None:
    assert access.room(people.bob.pk, "circle").room_id == private.pk
    assert visible(people.bob.pk) == ["circle"]


@pytest.mark.parametrize("outsider", ["alice", "carol"])
def test_a_private_room_looks_to_others_as_if_it_did_not_exist(
    private: Room, people: SimpleNamespace, outsider: str
) -> None:
    user_id = getattr(people, outsider).pk
    refusals = []
    for name in ("circle", "nowhere"):
        with pytest.raises(NoSuchRoom) as refused:
            access.room(user_id, name)
        refusals.append(refused.value.message)
    assert refusals[0] == refusals[1]
    assert visible(user_id) == []
    for find in (access.find_room, access.entry):
        with pytest.raises(NoSuchRoom):
            find(user_id, "circle")


def test_a_banned_user_may_not_read_and_does_not_see_the_room(public: Room, people: SimpleNamespace) -> None:
    Membership.objects.create(room=public, user=people.bob, banned_until=from_now(+1))
    for find in (access.room, access.entry):
        with pytest.raises(Banned):
            find(people.bob.pk, public.name)
    assert visible(people.bob.pk) == []
    assert visible(people.alice.pk) == visible(people.carol.pk) == [public.name]


def test_a_ban_expires(public: Room, people: SimpleNamespace) -> None:
    Membership.objects.create(room=public, user=people.bob, banned_until=from_now(-1))
    assert access.room(people.bob.pk, public.name).room_id == public.pk
    assert visible(people.bob.pk) == [public.name]


def test_a_banned_member_of_a_private_room_is_refused_as_banned(private: Room, people: SimpleNamespace) -> None:
    Membership.objects.filter(user=people.bob).update(banned_until=from_now(+1))
    with pytest.raises(Banned):
        access.room(people.bob.pk, "circle")
    assert visible(people.bob.pk) == []


def test_a_muted_user_may_read(public: Room, people: SimpleNamespace) -> None:
    Membership.objects.create(room=public, user=people.bob, muted_until=from_now(+1))
    assert access.room(people.bob.pk, public.name).room_id == public.pk


def test_a_user_who_is_deactivated_or_gone_may_read_nothing(public: Room) -> None:
    inactive = make_user(is_active=False)
    for user_id in (inactive.pk, 99_999):
        with pytest.raises(Banned):
            access.room(user_id, public.name)
        assert visible(user_id) == []


def test_pages_of_visible_rooms_are_full_though_some_rooms_are_hidden(people: SimpleNamespace) -> None:
    for number in range(12):
        room = make_room(f"room-{number:02}", kind=["public", "private", "public"][number % 3])
        if number % 3 == 2:
            Membership.objects.create(room=room, user=people.bob, banned_until=from_now(+1))
    names = [f"room-{number:02}" for number in (0, 3, 6, 9)]
    assert visible(people.bob.pk) == names
    assert [room.name for room in access.visible_rooms(people.bob.pk, limit=3)] == names[:3]
    assert [room.name for room in access.visible_rooms(people.bob.pk, after=names[1], limit=3)] == names[2:]
    assert access.visible_rooms(people.bob.pk, after=names[-1], limit=1) == []
