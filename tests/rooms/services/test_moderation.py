"""Bans, mutes and memberships: what is stored, and whose open connections are checked again."""

from types import SimpleNamespace

import pytest
from django.db import transaction

from rooms import access
from rooms.callers import CODE
from rooms.errors import Banned, Muted
from rooms.models import Membership, RightsChange, Room
from rooms.services.moderation import act, ban, delete_membership, mute, set_membership
from rooms.services.posting import post_message
from tests.support.factories import make_room
from tests.support.rooms import from_now

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def room(people: SimpleNamespace) -> Room:
    return make_room("lobby")


def test_a_ban_keeps_out_until_it_is_lifted(room: Room, people: SimpleNamespace, announced: list[list[str]]) -> None:
    ban(room_id=room.pk, user_id=people.bob.pk, until=from_now(1))
    with pytest.raises(Banned):
        access.room(people.bob.pk, "lobby")
    ban(room_id=room.pk, user_id=people.bob.pk, until=None)
    assert access.room(people.bob.pk, "lobby").banned_until is None
    assert announced == [[str(people.bob.pk)]] * 2


def test_a_muted_user_reads_and_does_not_write(room: Room, people: SimpleNamespace, announced: list[list[str]]) -> None:
    mute(room_id=room.pk, user_id=people.bob.pk, until=from_now(1))
    access.room(people.bob.pk, "lobby")
    with pytest.raises(Muted):
        post_message(room_id=room.pk, author_id=people.bob.pk, content="hi")
    mute(room_id=room.pk, user_id=people.bob.pk, until=None)
    assert post_message(room_id=room.pk, author_id=people.bob.pk, content="hi").seq == 1
    assert announced == [[str(people.bob.pk)]] * 2


def test_a_ban_changes_nothing_else_of_a_membership(room: Room, people: SimpleNamespace) -> None:
    set_membership(room_id=room.pk, user_id=people.bob.pk, role=Membership.Role.MODERATOR, read_seq=7)
    mute(room_id=room.pk, user_id=people.bob.pk, until=from_now(1))
    ban(room_id=room.pk, user_id=people.bob.pk, until=from_now(2))
    found = Membership.objects.get()
    assert (found.role, found.read_seq) == (Membership.Role.MODERATOR, 7)
    assert found.muted_until < found.banned_until


def test_a_membership_opens_a_private_room_until_it_is_removed(
    people: SimpleNamespace, announced: list[list[str]]
) -> None:
    private = make_room("private", kind=Room.Kind.PRIVATE)
    set_membership(room_id=private.pk, user_id=people.bob.pk)
    assert access.find_room(people.bob.pk, "private").role == Membership.Role.MEMBER
    delete_membership(room_id=private.pk, user_id=people.bob.pk, actor=CODE)
    assert access.visible_rooms(people.bob.pk) == []
    assert announced == [[str(people.bob.pk)]] * 2


def test_a_role_for_somebody_who_was_removed_opens_nothing_they_missed(people: SimpleNamespace) -> None:
    private = make_room("private", kind=Room.Kind.PRIVATE, history=Room.History.JOINED)
    set_membership(room_id=private.pk, user_id=people.bob.pk)
    act(actor=CODE, room_id=private.pk, user_id=people.bob.pk, action="remove")
    Room.objects.update(last_seq=7)
    act(actor=CODE, room_id=private.pk, user_id=people.bob.pk, action="role", role="moderator")
    found = Membership.objects.get()
    assert (found.role, found.visible_from_seq) == ("moderator", 7)


def test_what_restricts_somebody_makes_no_member_of_them(room: Room, people: SimpleNamespace) -> None:
    mute(room_id=room.pk, user_id=people.bob.pk, until=from_now(1))
    set_membership(room_id=room.pk, user_id=people.bob.pk, banned_until=from_now(1))
    act(actor=CODE, room_id=room.pk, user_id=people.bob.pk, action="kick")
    assert Membership.objects.get().role == "none"


def test_a_change_is_announced_after_its_commit_and_noted_in_it(
    room: Room, people: SimpleNamespace, announced: list[list[str]]
) -> None:
    with transaction.atomic():
        ban(room_id=room.pk, user_id=people.bob.pk, until=from_now(1))
        assert announced == []
        assert RightsChange.objects.filter(user_key=people.bob.pk).exists()
    assert announced == [[str(people.bob.pk)]]


def test_a_change_that_is_rolled_back_is_neither_announced_nor_noted(
    room: Room, people: SimpleNamespace, announced: list[list[str]]
) -> None:
    with transaction.atomic():
        ban(room_id=room.pk, user_id=people.bob.pk, until=from_now(1))
        transaction.set_rollback(True)
    assert announced == []
    assert not RightsChange.objects.filter(user_key=people.bob.pk).exists()
    assert not Membership.objects.exists()
