"""What the chat holds about one user: handed over, erased in steps, and their rooms passed on."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from rooms.models import Membership, Message, Room
from rooms.services import people
from tests.support.factories import make_message, make_room, make_user

pytestmark = pytest.mark.django_db
OWNER, MODERATOR, MEMBER = Membership.Role.OWNER, Membership.Role.MODERATOR, Membership.Role.MEMBER


@pytest.fixture
def alice() -> User:
    return make_user("alice")


@pytest.fixture
def bob() -> User:
    return make_user("bob")


def join(room: Room, user: User, role: str = MEMBER, *, days_ago: int = 0, **fields: Any) -> Membership:
    membership = Membership.objects.create(room=room, user=user, role=role, **fields)
    Membership.objects.filter(pk=membership.pk).update(joined_at=timezone.now() - timedelta(days=days_ago))
    return membership


# --- Export -----------------------------------------------------------------------------------------------------------
def test_an_export_has_ones_own_words_of_all_rooms_and_nobody_elses(alice: User, bob: User) -> None:
    garden, left = make_room("garden", title="The garden", kind="private"), make_room("left", kind="private")
    join(garden, alice, MODERATOR)
    make_message(garden, alice, "tomatoes")
    make_message(garden, bob, "a secret of bob")
    make_message(left, alice, "goodbye")
    held = people.export(user_id=alice.pk)
    assert [(m.room_id, m.title, m.kind, m.role) for m in held.memberships] == [
        ("garden", "The garden", "private", "moderator")
    ]
    assert [(m.room_id, m.seq, m.content) for m in held.messages] == [("garden", 1, "tomatoes"), ("left", 1, "goodbye")]
    assert held.messages[0].timestamp.endswith("Z")


def test_deleted_messages_and_other_users_memberships_are_in_no_export(alice: User, bob: User) -> None:
    room = make_room()
    join(room, bob)
    make_message(room, alice, deleted_at=timezone.now())
    assert people.export(user_id=alice.pk) == people.Held([], [], [], [], [], [], [])


# --- Erasure ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("setting", ["keep", "delete"])
def test_messages_lose_their_author_in_steps_and_keep_their_place(
    alice: User, bob: User, settings: Any, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    settings.CHAT_ERASED_MESSAGES = setting
    monkeypatch.setattr(people, "ROWS", 2)
    room = make_room()
    for number in range(5):
        make_message(room, alice, f"tea {number}", client_id=f"c{number}")
    make_message(room, bob, "coffee")
    assert list(people.erase_messages(user_id=alice.pk)) == [2, 2, 1]
    rows = list(Message.objects.order_by("seq"))
    assert [row.author for row in rows] == [None] * 5 + [bob]
    assert [row.content for row in rows[:5]] == ([f"tea {n}" for n in range(5)] if setting == "keep" else [""] * 5)
    assert [row.deleted_at is not None for row in rows] == [setting == "delete"] * 5 + [False]
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[5].content == "coffee"
    assert {row.client_id for row in rows} == {None}


def test_a_message_that_was_deleted_before_keeps_its_time(alice: User, settings: Any) -> None:
    settings.CHAT_ERASED_MESSAGES = "delete"
    before = timezone.now() - timedelta(days=1)
    message = make_message(make_room(), alice, deleted_at=before)
    list(people.erase_messages(user_id=alice.pk))
    message.refresh_from_db()
    assert (message.author, message.deleted_at) == (None, before)


def test_no_step_touches_more_rows_than_its_own(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is one read and one write by key, however many messages there are."""
    monkeypatch.setattr(people, "ROWS", 3)
    room = make_room()
    for _ in range(9):
        make_message(room, alice)
    steps = people.erase_messages(user_id=alice.pk)
    with CaptureQueriesContext(connection) as statements:
        next(steps)
    updates = [query["sql"] for query in statements if query["sql"].startswith("UPDATE")]
    assert len(updates) == 1
    assert Message.objects.filter(author=alice).count() == 6


# --- Rooms of somebody who goes ---------------------------------------------------------------------------------------
def test_a_room_passes_to_its_longest_standing_moderator(alice: User, bob: User) -> None:
    room = make_room()
    join(room, alice, OWNER)
    join(room, make_user(), MEMBER, days_ago=9)
    join(room, make_user(), MODERATOR, days_ago=1)
    heir = join(room, bob, MODERATOR, days_ago=5)
    people.pass_on_rooms(user_id=alice.pk)
    heir.refresh_from_db()
    assert heir.role == OWNER
    assert Membership.objects.filter(room=room, role=OWNER).count() == 2


def test_without_moderators_it_passes_to_the_longest_standing_member_who_is_not_banned(alice: User, bob: User) -> None:
    room = make_room()
    join(room, alice, OWNER)
    join(room, make_user(), days_ago=9, banned_until=timezone.now() + timedelta(days=1))
    join(room, make_user(), Membership.Role.NONE, days_ago=9)
    heir = join(room, bob, days_ago=5)
    join(room, make_user(), days_ago=1)
    people.pass_on_rooms(user_id=alice.pk)
    heir.refresh_from_db()
    assert heir.role == OWNER


def test_a_room_with_another_owner_stays_as_it_is(alice: User, bob: User) -> None:
    room = make_room()
    join(room, alice, OWNER)
    join(room, bob, OWNER)
    moderator = join(room, make_user(), MODERATOR)
    people.pass_on_rooms(user_id=alice.pk)
    moderator.refresh_from_db()
    assert moderator.role == MODERATOR


def test_a_deleted_users_room_stays_and_its_heir_is_announced(
    alice: User, bob: User, announced: list[list[str]], django_capture_on_commit_callbacks: Any
) -> None:
    room, alone = make_room(), make_room()
    join(room, alice, OWNER)
    join(alone, alice, OWNER)
    join(room, bob)
    keys = {str(alice.pk), str(bob.pk)}
    with django_capture_on_commit_callbacks(execute=True):
        alice.delete()
    assert {key for each in announced for key in each} == keys
    assert [(m.room, m.role) for m in Membership.objects.all()] == [(room, OWNER)]
    assert set(Room.objects.all()) == {room, alone}
