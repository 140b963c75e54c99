"""Who may know of a room, and who may enter it."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from chatsite.errors import BadFrame, Banned, NoSuchRoom
from rooms import access
from rooms.models import Membership, Room
from tests.support.factories import make_room


@pytest.fixture
def public(db: None) -> Room:
    return make_room("caf\u00e9")


@pytest.fixture(params=[Room.Kind.PRIVATE, Room.Kind.DIRECT])
def closed_circle(request: pytest.FixtureRequest, people: SimpleNamespace) -> Room:
    """A room of alice's alone."""
    room = make_room("circle", kind=request.param)
    Membership.objects.create(room=room, user=people.alice)
    return room


def from_now(hours: int) -> datetime:
    return timezone.now() + timedelta(hours=hours)


def visible(user_id: int) -> list[str]:
    return list(access.visible_rooms(user_id).order_by("name").values_list("name", flat=True))


def test_a_public_room_is_everybodys(public: Room, people: SimpleNamespace) -> None:
    assert access.room(people.bob.pk, "caf\u00e9") == public
    assert visible(people.bob.pk) == ["caf\u00e9"]


def test_a_room_is_found_by_any_spelling_of_its_name(public: Room, people: SimpleNamespace) -> None:
    assert access.room(people.bob.pk, "cafe\u0301") == public


def test_all_of_a_room_that_was_found_can_be_read(public: Room, people: SimpleNamespace) -> None:
    found = access.room(people.bob.pk, public.name)
    assert [getattr(found, field.attname) for field in Room._meta.fields] == [
        getattr(public, field.attname) for field in Room._meta.fields
    ]
    assert found.transient is False


def test_a_name_outside_the_rule_is_refused_as_such(people: SimpleNamespace) -> None:
    with pytest.raises(BadFrame):
        access.room(people.bob.pk, "no name")


def test_a_room_that_is_not_there_is_not_found(people: SimpleNamespace) -> None:
    assert access.find_room(people.bob.pk, "nowhere") is None
    with pytest.raises(NoSuchRoom):
        access.room(people.bob.pk, "nowhere")


def test_a_closed_circle_is_its_members_own(closed_circle: Room, people: SimpleNamespace) -> None:
    assert access.room(people.alice.pk, "circle") == closed_circle
    assert visible(people.alice.pk) == ["circle"]


def test_a_closed_circle_looks_to_others_as_if_it_were_not_there(closed_circle: Room, people: SimpleNamespace) -> None:
    refusals = []
    for name in ("circle", "nowhere"):
        with pytest.raises(NoSuchRoom) as refused:
            access.room(people.bob.pk, name)
        refusals.append(refused.value.message)
    assert refusals[0] == refusals[1]
    assert visible(people.bob.pk) == []
    with pytest.raises(NoSuchRoom):
        access.find_room(people.bob.pk, "circle")


def test_who_is_banned_may_not_enter_and_does_not_see_the_room(public: Room, people: SimpleNamespace) -> None:
    Membership.objects.create(room=public, user=people.bob, banned_until=from_now(+1))
    with pytest.raises(Banned):
        access.room(people.bob.pk, public.name)
    assert visible(people.bob.pk) == []
    assert visible(people.alice.pk) == [public.name]


def test_a_ban_ends(public: Room, people: SimpleNamespace) -> None:
    Membership.objects.create(room=public, user=people.bob, banned_until=from_now(-1))
    assert access.room(people.bob.pk, public.name) == public
    assert visible(people.bob.pk) == [public.name]


def test_a_banned_member_of_a_closed_circle_is_told_so(closed_circle: Room, people: SimpleNamespace) -> None:
    Membership.objects.filter(user=people.alice).update(banned_until=from_now(+1))
    with pytest.raises(Banned):
        access.room(people.alice.pk, "circle")
    assert visible(people.alice.pk) == []


def test_who_is_muted_may_enter(public: Room, people: SimpleNamespace) -> None:
    Membership.objects.create(room=public, user=people.bob, muted_until=from_now(+1))
    assert access.room(people.bob.pk, public.name) == public
