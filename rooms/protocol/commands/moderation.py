"""Moderating a room: its members and its settings."""

from typing import Annotated, Literal

import msgspec

from rooms.protocol.commands.base import Command, Reason, RoomCommand, Username

TEXT = r"^[^\x00-\x1f\x7f\ud800-\udfff]*$"
MAX_MINUTES = 5_256_000  # ten years; without minutes it is for ever
Act = Literal["kick", "mute", "unmute", "ban", "unban", "remove", "role"]
Role = Literal["owner", "moderator", "member"]
Minutes = Annotated[int, msgspec.Meta(ge=1, le=MAX_MINUTES)]
Title = Annotated[str, msgspec.Meta(max_length=200, pattern=TEXT)]
Topic = Annotated[str, msgspec.Meta(max_length=250, pattern=TEXT)]
SlowMode = Annotated[int, msgspec.Meta(ge=0, le=21_600)]


class Moderate(RoomCommand, tag="moderate"):
    """Acts on a person in a room: `kick` (may come back), `mute`, `ban` (both for `minutes`, else for ever), `unmute`,
    `unban`, `remove` (from the members) or `role` (then `role` names it). Answer to an `id`: `ack`.

    Nobody acts on an equal or higher rank. A room keeps an owner: `conflict`. A banned person is shown the `reason`.
    """

    bucket = "changes"
    username: Username
    action: Act
    minutes: Minutes | None = None
    role: Role | None = None
    reason: Reason = ""


class UpdateRoom(RoomCommand, tag="update-room"):
    """Changes the settings of a room that are present: `slowModeS` is the seconds between two messages of one member,
    in a `locked` room only moderators write, `history` says what new members see (owners only). Answer to an `id`:
    `ack`.
    """

    bucket = "changes"
    title: Title | None = None
    topic: Topic | None = None
    slow_mode_s: SlowMode | None = None
    locked: bool | None = None
    history: Literal["all", "joined"] | None = None


class CloseRoom(RoomCommand, tag="close-room"):
    """Closes a room, which can then only be read, or with `on: false` opens it again; for owners. Answer to an `id`:
    `ack`.
    """

    bucket = "changes"
    on: bool = True


COMMANDS: tuple[type[Command], ...] = (Moderate, UpdateRoom, CloseRoom)
