"""What travels between processes and to sockets: unchanged, and encoded once."""

import base64
import gzip
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from rooms.live.events import Encoded, Event, pack, unpack

events = st.builds(Event, st.text(), st.binary(), st.integers(0, 2**53), st.text())


@given(st.lists(events, max_size=5))
def test_events_arrive_in_another_process_as_they_left(sent: list[Event]) -> None:
    assert unpack(pack(sent)) == sent


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_the_wire_form_is_one_whole_text_frame(size: int) -> None:
    payload = b"x" * size
    reader = StreamReader()
    reader.feed_data(Encoded(payload).wire)
    frame = _parsed(reader)
    assert (frame.opcode, frame.fin, frame.rsv1, bytes(frame.data)) == (Opcode.TEXT, True, False, payload)
    assert not reader.buffer, "and nothing after it"


def test_each_form_is_made_once() -> None:
    frame = Encoded("नमस्ते".encode())
    assert frame.text == "नमस्ते"
    assert frame.text is frame.text
    assert frame.wire is frame.wire


def _parsed(reader: StreamReader) -> Frame:
    parsing = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    frame: Frame = done.value.value
    return frame


def test_a_frame_is_compressed_once_and_opens_to_the_same() -> None:
    frame = Encoded(b'{"type":"chat","message":"' + b"hello " * 300 + b'"}')
    packed = json.loads(frame.compressed.payload)
    assert packed["type"] == "compressed"
    assert gzip.decompress(base64.b64decode(packed["data"])) == frame.payload
    assert frame.compressed is frame.compressed


def test_what_would_not_shrink_stays_as_it_is() -> None:
    frame = Encoded(random.Random(1).randbytes(3000))
    assert frame.compressed is frame
