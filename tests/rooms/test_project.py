"""What a project's code calls about members of rooms."""

from types import SimpleNamespace

import pytest

import rooms
from rooms import access
from rooms.errors import Conflict, Forbidden, NoSuchRoom
from rooms.models import AuditEntry, Membership
from tests.support.factories import make_room

pytestmark = pytest.mark.django_db


def test_the_projects_code_makes_members_and_ends_it(people: SimpleNamespace) -> None:
    room = make_room("private", kind="private")
    assert rooms.add_member("private", people.bob)
    assert not rooms.add_member(room, people.bob)
    assert access.room(people.bob.pk, "private").role == "member"
    assert rooms.remove_member(room, people.bob)
    assert not rooms.remove_member(room, people.bob)
    with pytest.raises(NoSuchRoom):
        access.room(people.bob.pk, "private")
    entries = AuditEntry.objects.order_by("pk").values_list("action", "door", "actor", "target_name")
    assert list(entries) == [("invite", "code", None, "bob"), ("remove", "code", None, "bob")]


def test_it_opens_direct_rooms(people: SimpleNamespace) -> None:
    room = rooms.open_direct(people.alice, people.bob)
    assert rooms.open_direct(people.bob, people.alice) == room
    assert rooms.post_message(room, people.bob, "hi").room_id == room.pk
    with pytest.raises(Forbidden):
        rooms.add_member(room, people.carol)


def test_it_reads_for_a_member(people: SimpleNamespace) -> None:
    room = make_room("lobby")
    rooms.add_member(room, people.bob)
    for _ in range(3):
        rooms.post_message(room, people.alice, "hi")
    assert rooms.unread(people.bob) == {"lobby": 3}
    assert rooms.mark_read(room, people.bob, 2) == 2
    assert rooms.unread(people.bob) == {"lobby": 1}
    assert rooms.mark_unread("lobby", people.bob, 0) == 0
    assert rooms.unread(people.bob) == {"lobby": 3}
    with pytest.raises(Forbidden):
        rooms.mark_read(room, people.carol, 1)


def test_it_mentions_members_and_reads_what_they_have_missed(people: SimpleNamespace) -> None:
    room = make_room("lobby")
    for user in (people.alice, people.bob):
        rooms.add_member(room, user)
    message = rooms.post_message(room, people.alice, "Please look", mentions=[people.bob, people.carol])
    assert [user.username for user in message.mentions or ()] == ["bob"]
    assert [one.message.content for one in rooms.missed(people.bob).mentions] == ["Please look"]
    assert rooms.edit_message(message, people.alice, "Thanks").mentions is None
    edited = rooms.edit_message(message, people.alice, "!", mentions=[people.bob])
    assert [user.username for user in edited.mentions or ()] == ["bob"]
    rooms.mark_read(room, people.bob, message.seq)
    assert rooms.missed(people.bob).mentions == rooms.missed(people.bob).rooms == []


def test_it_cannot_take_the_last_owner_or_a_room_that_is_not_there(people: SimpleNamespace) -> None:
    Membership.objects.create(room=make_room("hers"), user=people.alice, role="owner")
    with pytest.raises(Conflict):
        rooms.remove_member("hers", people.alice)
    with pytest.raises(NoSuchRoom):
        rooms.add_member("nothing", people.alice)
