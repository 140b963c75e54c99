"""The names of topics, which are the channel-layer groups too. The only module that makes or reads them."""

EVERYONE = "everyone"  # every signed-in connection
CONTROL = "control"  # messages between processes; never sent to clients
_ROOM = "room."


def of_room(room_id: int) -> str:
    return f"{_ROOM}{room_id}"


def room_id(topic: str) -> int | None:
    """The room of a topic; None when it is no room's."""
    return int(topic.removeprefix(_ROOM)) if topic.startswith(_ROOM) else None
