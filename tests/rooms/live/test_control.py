"""What processes say to each other arrives as it was sent."""

import msgspec
import pytest

from rooms.live import control, topics
from rooms.live.control import Control, Notification, Notifications, RoomChanged, UsersChanged

SEVERAL = Notifications([Notification("7", "{}", besides=5, skip="c"), Notification("8", "{}", "rooms")])


@pytest.mark.parametrize("sent", [UsersChanged(["7", "8"]), UsersChanged([]), RoomChanged(5), SEVERAL])
def test_a_control_event_arrives_as_it_was_sent(sent: Control) -> None:
    event = control.event(sent)
    assert (event.topic, event.seq) == (topics.CONTROL, 0)
    assert control.decode(event.payload) == sent


@pytest.mark.parametrize(
    "payload",
    [b"", b"[1]", b'{"type":"weather"}', b'{"type":"users","keys":"all"}', b'{"type":"users","user_ids":[7]}'],
)
def test_a_control_event_of_another_version_is_refused(payload: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        control.decode(payload)
