"""The names of topics: what is made of a room is read back as that room."""

import pytest

from rooms.live import topics


@pytest.mark.parametrize("room_id", [1, 70_000])
def test_a_rooms_topic_names_the_room(room_id: int) -> None:
    assert topics.room_id(topics.of_room(room_id)) == room_id


@pytest.mark.parametrize("topic", [topics.EVERYONE, topics.CONTROL])
def test_other_topics_are_no_rooms(topic: str) -> None:
    assert topics.room_id(topic) is None
