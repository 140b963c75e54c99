"""What others are sent when somebody has another name, or is no more."""

from rooms.protocol.frames.base import Frame, UserRef


class UserUpdated(Frame, tag="user-updated"):
    """Somebody has another name or picture, or with `deleted` no account any more. Sent to everybody signed in.

    Clients rename the author of what they have loaded, and whom it mentions; who is deleted is mentioned no more. New
    pages of history have the new name anyway.
    """

    user: UserRef
    deleted: bool | None = None


FRAMES: tuple[type[Frame], ...] = (UserUpdated,)
