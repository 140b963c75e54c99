"""What a user may read now of several rooms, by all rules of `access`: asked once for each room."""

from collections import defaultdict
from typing import Any

from rooms import access, storage
from rooms.errors import Banned, Forbidden, NoSuchRoom
from rooms.models import Room
from rooms.storage import StoredMessage


class Everything:
    """What staff read who may see private rooms."""

    def __contains__(self, message: object) -> bool:
        return True


class Public:
    """What other staff read."""

    def __init__(self) -> None:
        self._are_public: dict[int, bool] = {}

    def __contains__(self, message: object) -> bool:
        if not isinstance(message, StoredMessage):
            return False
        key = message.room_id
        if key not in self._are_public:
            self._are_public[key] = Room.objects.filter(pk=key, kind=Room.Kind.PUBLIC).exists()
        return self._are_public[key]


class Readable:
    def __init__(self, user_id: Any) -> None:
        self._user_id = user_id
        self._edges: dict[int, int | None] = {}

    def above(self, room_id: int) -> int | None:
        """The seq up to which a room's messages are hidden; None for a room of which nothing is shown."""
        if room_id not in self._edges:
            try:
                self._edges[room_id] = access.entry_by_id(self._user_id, room_id).visible_from_seq
            except (NoSuchRoom, Banned, Forbidden):
                self._edges[room_id] = None
        return self._edges[room_id]

    def __contains__(self, message: object) -> bool:
        if not isinstance(message, StoredMessage):
            return False
        above = self.above(message.room_id)
        return above is not None and message.seq > above

    def whole(self, found: list[StoredMessage]) -> dict[int, StoredMessage]:
        """The messages with all that belongs to them, by their ids, without what is hidden from the user."""
        by_edge: defaultdict[int, list[StoredMessage]] = defaultdict(list)
        for message in found:
            by_edge[self.above(message.room_id) or 0].append(message)
        whole = [one for above, some in by_edge.items() for one in storage.completed(some, above=above)]
        return {message.id: message for message in whole}
