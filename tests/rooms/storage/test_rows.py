"""How statements and rows are matched: by the names of fields."""

import msgspec
import pytest

from rooms.models import Message, Room
from rooms.storage.columns import HEAD_SOURCES, MESSAGE_SOURCES, column, columns, name, table
from rooms.storage.rows import RoomHead, StoredMessage, read


def test_names_are_those_of_the_models() -> None:
    assert (table(Room), name(Message, "author"), column(Message, "room")) == (
        '"chat_rooms_room"',
        '"author_id"',
        '"chat_rooms_message"."room_id"',
    )


def test_a_statement_selects_the_fields_of_its_row_in_their_order() -> None:
    assert columns(RoomHead, HEAD_SOURCES) == ", ".join(
        f'"chat_rooms_room"."{field}"' for field in ("last_seq", "pruned_seq", "epoch")
    )


def test_a_field_without_a_source_is_an_error() -> None:
    with pytest.raises(KeyError):
        columns(StoredMessage, {field: source for field, source in MESSAGE_SOURCES.items() if field != "seq"})


@pytest.mark.parametrize("row", [(1, 2), (1, "2", "e"), (None, 2, "e"), (1, 2, 3)])
def test_a_row_of_another_shape_is_an_error(row: tuple[object, ...]) -> None:
    with pytest.raises(msgspec.ValidationError):
        read(RoomHead, [row])
