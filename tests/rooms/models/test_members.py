"""What the database refuses of memberships."""

from types import SimpleNamespace

import pytest
from django.db import IntegrityError, transaction

from rooms.models import Membership
from tests.support.factories import make_room


def test_a_user_has_one_membership_of_a_room(people: SimpleNamespace) -> None:
    room = make_room()
    Membership.objects.create(room=room, user=people.alice)
    Membership.objects.create(room=room, user=people.bob)
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(room=room, user=people.alice)


def test_a_membership_has_a_known_role(people: SimpleNamespace) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(room=make_room(), user=people.bob, role="king")


def test_a_membership_is_written_as_its_user_and_its_room(people: SimpleNamespace) -> None:
    assert str(Membership(room=make_room("lobby"), user=people.alice)) == "alice · lobby"
