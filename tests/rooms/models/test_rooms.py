"""What the database refuses of rooms."""

import pytest
from django.db import IntegrityError, transaction

from rooms.models import Room
from tests.support.factories import make_room

pytestmark = pytest.mark.django_db


def test_a_name_belongs_to_one_room() -> None:
    make_room("lobby")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_room("lobby")


@pytest.mark.parametrize("fields", [{"name": ""}, {"kind": "secret"}])
def test_a_room_outside_its_rules_is_not_stored(fields: dict[str, str]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Room.objects.create(**{"name": "new", **fields})


def test_each_room_has_an_epoch_of_its_own() -> None:
    epochs = {make_room().epoch for _ in range(20)}
    assert len(epochs) == 20
    assert all(len(epoch) == 8 for epoch in epochs)


def test_a_room_is_written_as_its_name() -> None:
    assert str(make_room("lobby")) == "lobby"
