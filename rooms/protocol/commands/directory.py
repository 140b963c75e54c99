"""Finding people by name."""

from typing import Annotated

import msgspec

from rooms.protocol.commands.base import Command, Limit

PEOPLE_DEFAULT, PEOPLE_MAX = 10, 50
Beginning = Annotated[str, msgspec.Meta(min_length=1, max_length=150, pattern=r"^[^\x00\ud800-\udfff]*$")]


class FindUsers(Command, tag="find-users"):
    """People whose names begin with `query`, in whatever case, by name; 50 at most. Whom one finds is a setting:
    everybody, or who shares a room with the sender. Answer: `users`.
    """

    bucket = "reads"
    query: Beginning
    limit: Limit = PEOPLE_DEFAULT


COMMANDS: tuple[type[Command], ...] = (FindUsers,)
