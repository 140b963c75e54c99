"""What the database refuses of messages."""

from types import SimpleNamespace

import pytest
from django.db import IntegrityError, transaction

from rooms.models import Room
from tests.support.factories import make_message, make_room


@pytest.fixture
def room(db: None) -> Room:
    return make_room("lobby")


def test_a_seq_belongs_to_one_message_of_a_room(room: Room, people: SimpleNamespace) -> None:
    make_message(room, people.alice)
    make_message(make_room(), people.alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_message(room, people.bob, seq=1)


def test_a_client_id_belongs_to_one_message_of_an_author_over_all_rooms(room: Room, people: SimpleNamespace) -> None:
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


def test_a_message_is_written_as_its_place(room: Room, people: SimpleNamespace) -> None:
    assert str(make_message(room, people.alice)) == "lobby #1"
