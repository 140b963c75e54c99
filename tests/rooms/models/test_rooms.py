"""What is true about rooms: what the database refuses, and how pages are read."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from rooms.models import Membership, Message, Room
from tests.support.factories import make_message, make_room


@pytest.fixture
def room(db: None) -> Room:
    return make_room("hall")


@pytest.fixture
def ten(room: Room, people: SimpleNamespace) -> Room:
    """A room with ten messages, of which the fifth is deleted (as change 11) and the second edited (as change 12)."""
    for seq in range(1, 11):
        make_message(room, people.alice, changed_seq={5: 11, 2: 12}.get(seq, seq))
    Message.objects.filter(room=room, seq=5).update(deleted_at=timezone.now())
    make_message(make_room("other"), people.alice)
    return room


def page(room: Room, **fields: Any) -> list[int]:
    return [message.seq for message in Message.objects.page(room.pk, **fields)]


# --- What the database refuses ----------------------------------------------------------------------------------------
def test_a_rooms_name_is_its_own(room: Room) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_room("hall")


@pytest.mark.parametrize("fields", [{"name": ""}, {"kind": "secret"}])
def test_a_room_outside_its_rules_is_not_stored(db: None, fields: dict[str, str]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Room.objects.create(**{"name": "new", **fields})


def test_a_seq_of_a_room_is_given_once(room: Room, people: SimpleNamespace) -> None:
    make_message(room, people.alice)
    make_message(make_room(), people.alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_message(room, people.bob, seq=1)


def test_a_client_id_of_an_author_is_given_once_over_all_rooms(room: Room, people: SimpleNamespace) -> None:
    make_message(room, people.alice, client_id="c")
    make_message(room, people.bob, client_id="c")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_message(make_room(), people.alice, client_id="c")


def test_many_messages_may_have_no_client_id(room: Room, people: SimpleNamespace) -> None:
    for _ in range(2):
        make_message(room, people.alice)
    assert room.messages.count() == 2


def test_a_message_cannot_change_before_it_is_made(room: Room, people: SimpleNamespace) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make_message(room, people.alice, seq=5, changed_seq=4)


def test_a_membership_is_one_and_of_a_known_role(room: Room, people: SimpleNamespace) -> None:
    Membership.objects.create(room=room, user=people.alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(room=room, user=people.alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(room=room, user=people.bob, role="king")


# --- Pages ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("fields", "seqs"),
    [
        ({"limit": 50}, [1, 2, 3, 4, 6, 7, 8, 9, 10]),
        ({"limit": 3}, [8, 9, 10]),
        ({"limit": 3, "before": 8}, [4, 6, 7]),
        ({"limit": 3, "before": 1}, []),
        ({"limit": 3, "after": 3}, [4, 6, 7]),
        ({"limit": 3, "after": 0}, [1, 2, 3]),
        ({"limit": 3, "after": 10}, []),
        ({"limit": 3, "after": 2, "before": 9}, [6, 7, 8]),
        ({"limit": 50, "after": 2, "before": 4}, [3]),
    ],
)
def test_a_page_is_read_by_key_oldest_first(ten: Room, fields: dict[str, int], seqs: list[int]) -> None:
    assert page(ten, **fields) == seqs


def test_changes_come_in_their_order_deleted_messages_too(ten: Room) -> None:
    changed = Message.objects.changed(ten.pk, after=8, limit=50)
    assert [(message.seq, message.changed_seq) for message in changed] == [(9, 9), (10, 10), (5, 11), (2, 12)]
    assert [message.seq for message in Message.objects.changed(ten.pk, after=8, limit=3)] == [9, 10, 5]


@pytest.mark.parametrize("read", ["page", "changed"])
def test_a_page_with_its_authors_is_one_query(
    ten: Room, read: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        fields: dict[str, Any] = {"limit": 50} if read == "page" else {"after": 0, "limit": 50}
        assert {message.author.username for message in getattr(Message.objects, read)(ten.pk, **fields)} == {"alice"}


def test_records_have_names_to_read(room: Room, people: SimpleNamespace) -> None:
    assert str(room) == "hall"
    assert str(make_message(room, people.alice)) == "hall #1"
    assert str(Membership(room=room, user=people.alice)) == "alice · hall"
