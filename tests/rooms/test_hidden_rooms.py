"""A private room answers those who may not know of it as a room that does not exist, by every service, at one cost."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from rooms import access
from rooms.access import Action
from rooms.callers import Actor
from rooms.errors import ChatError, Conflict, NoSuchRoom
from rooms.models import Membership, Room
from rooms.services import history, invitations, members, room_settings, rooms
from tests.support.factories import make_room
from tests.support.rooms import from_now

pytestmark = pytest.mark.django_db
HIDDEN = ("private", "direct", "left")


@pytest.fixture
def hidden(people: SimpleNamespace) -> None:
    """Rooms of alice's. Bob has left one, and what was decided about him there remains."""
    for name, kind in [("private", "private"), ("direct", "direct"), ("left", "private")]:
        room = make_room(name, kind=kind)
        Membership.objects.create(room=room, user=people.alice, role="owner")
    Membership.objects.create(room=Room.objects.get(name="left"), user=people.bob, role="none")


def refused(use: Callable[..., Any], **fields: Any) -> tuple[type[ChatError], str, int]:
    """With which error, text and number of queries this is refused."""
    with CaptureQueriesContext(connection) as queries, pytest.raises(ChatError) as error:
        use(**fields)
    return type(error.value), error.value.message, len(queries)


SERVICES: dict[str, Callable[[Actor, str], object]] = {
    "enter": lambda actor, name: access.room(actor.user_id, name),
    "entry": lambda actor, name: access.entry(actor.user_id, name),
    "page": lambda actor, name: history.page(user_id=actor.user_id, name=name, limit=10),
    "follow": lambda actor, name: members.follow(actor=actor, name=name),
    "unfollow": lambda actor, name: members.unfollow(actor=actor, name=name),
    "invite": lambda actor, name: members.invite(actor=actor, name=name, username="carol"),
    "members": lambda actor, name: members.members(actor=actor, name=name),
    "update_room": lambda actor, name: room_settings.update_room(actor=actor, name=name, history="all"),
    "create_invitation": lambda actor, name: invitations.create(actor=actor, name=name),
    "invitations": lambda actor, name: invitations.open_invitations(actor=actor, name=name),
    "revoke": lambda actor, name: invitations.revoke(actor=actor, name=name, invitation_id=1),
}


@pytest.mark.parametrize("roles", [("user",), ("user", "moderator", "admin")], ids=["user", "admin"])
@pytest.mark.parametrize("service", [*SERVICES, *(f"authorize {action}" for action in Action)])
def test_a_hidden_room_answers_as_none(
    people: SimpleNamespace, hidden: None, service: str, roles: tuple[str, ...]
) -> None:
    use = SERVICES.get(service) or (lambda actor, name: access.authorize(actor, name, Action(service.split()[1])))
    actor = Actor(people.bob.pk, roles, "socket", "bob")
    missing = refused(use, actor=actor, name="nothing")
    assert missing[:2] == (NoSuchRoom, "No such room")
    assert [refused(use, actor=actor, name=name) for name in HIDDEN] == [missing] * 3


def test_a_hidden_room_is_in_no_list(people: SimpleNamespace, hidden: None) -> None:
    assert access.visible_rooms(people.bob.pk) == []
    assert len(access.visible_rooms(people.alice.pk)) == 3


@pytest.mark.parametrize("name", HIDDEN)
def test_the_name_of_a_hidden_room_is_taken_and_no_more_is_said(
    people: SimpleNamespace, hidden: None, name: str
) -> None:
    for use in (rooms.create_room, rooms.enter_room):
        error, message, _ = refused(use, user_id=people.bob.pk, name=name)
        assert (error, message) == (Conflict, "This name is taken")
    assert not rooms.create_room(user_id=people.alice.pk, name=name)[1]
    assert rooms.enter_room(user_id=people.alice.pk, name=name).name == name


def test_the_name_of_a_room_that_one_is_banned_from_is_no_secret(people: SimpleNamespace) -> None:
    Membership.objects.create(room=make_room("lobby"), user=people.bob, role="none", banned_until=from_now(1))
    assert not rooms.create_room(user_id=people.bob.pk, name="lobby")[1]
