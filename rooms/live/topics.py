"""The names of topics, which are groups of the project's channel layer too. Only this module makes or reads them."""

EVERYONE = "chat.everyone"  # every signed-in connection
CONTROL = "chat.control"  # messages between processes; never sent to clients
_ROOM = "chat.room."


def of_room(room_id: int) -> str:
    return f"{_ROOM}{room_id}"


def room_id(topic: str) -> int | None:
    """The room of a topic; None when it is no room's."""
    return int(topic.removeprefix(_ROOM)) if topic.startswith(_ROOM) else None
