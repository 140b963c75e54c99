"""Links that make people members of a room."""

from typing import Annotated

import msgspec

from rooms.protocol.commands.base import Command, RoomCommand

Hours = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Uses = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Code = Annotated[str, msgspec.Meta(max_length=100)]
HOURS_DEFAULT, USES_DEFAULT = 24, 1


class CreateInvitation(RoomCommand, tag="create-invitation"):
    """Makes a link to the room, as a moderator of it. It is valid for some `hours` (CHAT_INVITATION_HOURS at most), and
    makes as many people members as `uses` says; 0: any number. Answer: `invitation`.
    """

    bucket = "changes"
    hours: Hours = HOURS_DEFAULT
    uses: Uses = USES_DEFAULT


class AcceptInvitation(Command, tag="accept-invitation"):
    """Makes the sender a member of the room that the code belongs to. Answer: `room-opened`.

    A member can do it again, which counts as no use. Who is banned from the room stays out (`banned`).
    """

    bucket = "changes"
    code: Code


COMMANDS: tuple[type[Command], ...] = (CreateInvitation, AcceptInvitation)
