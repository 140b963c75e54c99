"""Slash commands: what a text that begins with a slash means, who may use which command, and what each does.

The chat's own call the same services as any other door, with the rights of who wrote them.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rooms import access, commands, hooks
from rooms.access import Action, Rank
from rooms.callers import Actor
from rooms.conf import conf
from rooms.errors import BadFrame, Forbidden, UnknownCommand
from rooms.models import Message
from rooms.protocol.commands.base import Reason, Username
from rooms.protocol.commands.moderation import Minutes, Topic
from rooms.protocol.frames.slash_commands import CommandInfo
from rooms.services import members, moderation, room_settings

CHAT, ACTION = Message.Kind.CHAT.value, Message.Kind.ACTION.value
ME = "me"
OF_NAME = dict(zip(commands.RANKS, Rank, strict=True))
MANY_DIGITS = 12  # more minutes than anybody may name
SLASH = re.compile(r"/(\S+)\s*(.*)", re.DOTALL)


class Line(NamedTuple):
    """A text as it is meant: a command of this name with its arguments; without a name a message."""

    text: str
    name: str = ""
    kind: str | None = None  # of the message

    @property
    def is_command(self) -> bool:
        return bool(self.name)


def read(content: str, *, is_bot: bool = False, has_files: bool = False) -> Line:
    """`/name arguments` is a command, `//text` the message `/text`, and anything else a message as it is.

    A path such as `/usr/bin` is no command: a name ends with a blank or with the text. What a bot writes is a message.
    Raises BadFrame for a command with files, which would be lost.
    """
    if is_bot or not conf.CHAT_SLASH_COMMANDS or not content.startswith("/"):
        return Line(content)
    if content.startswith("//"):
        return Line(content[1:])
    found = SLASH.fullmatch(content)
    if found is None or not commands.NAME.fullmatch(found[1]):
        return Line(content)
    name, arguments = found[1].casefold(), found[2].rstrip()
    if name == ME:
        return Line(arguments, kind=ACTION)
    if has_files:
        raise BadFrame("A command takes no files")
    return Line(arguments, name)


def run(*, actor: Actor, name: str, line: Line) -> str:
    """Does what a command says, in the room of this name; answers what its sender is shown.

    Raises UnknownCommand, Forbidden, and what the services of the command raise.
    """
    own = OWN.get(line.name)
    if own is not None:
        return own.run(actor, name, line.text)
    found = commands.registered().get(line.name)
    if found is None:
        raise UnknownCommand(f"There is no command /{line.name}")
    room = access.authorize(actor, name, Action.READ)
    if access.rank(room.role, actor.roles) < OF_NAME[found.allowed]:
        raise Forbidden
    return hooks.run_command(found.function, actor.user_id, room.room_id, line.text)


def listed(*, actor: Actor, name: str) -> list[CommandInfo]:
    """The commands that somebody may use in this room, the chat's own ones first. Raises NoSuchRoom, Banned."""
    room = access.authorize(actor, name, Action.READ)
    if not conf.CHAT_SLASH_COMMANDS:
        return []
    rank = access.rank(room.role, actor.roles)
    me = CommandInfo(ME, _("says what you are doing"), _("what I do"))
    own = [CommandInfo(key, str(one.help), str(one.usage)) for key, one in OWN.items() if rank >= one.allowed]
    others = [one for one in commands.registered().values() if rank >= OF_NAME[one.allowed]]
    return [me, *own] + [CommandInfo(one.name, str(one.help)) for one in sorted(others)]


# --- The chat's own ---------------------------------------------------------------------------------------------------
def _topic(actor: Actor, name: str, text: str) -> str:
    if not text:
        return access.entry(actor.user_id, name).topic or _("This room has no topic.")
    room_settings.update_room(actor=actor, name=name, topic=_as(Topic, text, "topic"))
    return _("The topic was changed.")


def _invite(actor: Actor, name: str, text: str) -> str:
    username = _as(Username, text.removeprefix("@"), "name")
    members.invite(actor=actor, name=name, username=username)
    return _("%(name)s is a member now.") % {"name": username}


def _mute(actor: Actor, name: str, text: str) -> str:
    username, _blank, rest = text.partition(" ")
    number, _blank, reason = rest.strip().partition(" ")
    minutes = int(number[:MANY_DIGITS]) if number.isascii() and number.isdecimal() else None
    moderation.moderate(
        actor=actor,
        name=name,
        username=_as(Username, username.removeprefix("@"), "name"),
        action="mute",
        minutes=_as(Minutes, minutes, "minutes") if minutes is not None else None,
        reason=_as(Reason, (reason if minutes is not None else rest).strip(), "reason"),
    )
    return _("%(name)s can only read now.") % {"name": username.removeprefix("@")}


def _help(actor: Actor, name: str, _text: str) -> str:
    return "\n".join(f"{one.shown} — {one.help}" for one in listed(actor=actor, name=name))


def _as(kind: Any, value: Any, what: str) -> Any:
    """The value, by the rule of the field of the command that does the same; raises BadFrame."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadFrame(f"The {what} of this command is not valid: {error}") from None


class Own(NamedTuple):
    run: Callable[[Actor, str, str], str]
    usage: Any  # texts in the language of the moment
    help: Any
    allowed: Rank = Rank.VISITOR


OWN: Mapping[str, Own] = {
    "topic": Own(_topic, gettext_lazy("topic"), gettext_lazy("changes the topic of this room"), Rank.MODERATOR),
    "invite": Own(_invite, gettext_lazy("name"), gettext_lazy("makes somebody a member of this room"), Rank.MEMBER),
    "mute": Own(
        _mute,
        gettext_lazy("name [minutes] [reason]"),
        gettext_lazy("lets somebody only read in this room"),
        Rank.MODERATOR,
    ),
    "help": Own(_help, "", gettext_lazy("shows these commands")),
}
