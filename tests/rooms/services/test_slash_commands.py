"""Slash commands: what is one and what a text, with whose rights each acts, and those of a project's apps."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from rooms import commands
from rooms.callers import Actor
from rooms.commands import Call
from rooms.errors import BadFrame, Forbidden, NoSuchRoom, NoSuchUser, Refused, Unavailable, UnknownCommand
from rooms.models import Membership, Room
from rooms.services import slash_commands
from rooms.services.slash_commands import Line, read
from tests.support.factories import make_user
from tests.support.rooms import Run, World, restrict

on_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)  # where the database makes no difference


def acts(user: Any, *roles: str) -> Actor:
    return Actor(user.pk, ("user", *roles), "socket", user.username)


def write(run: Run, user: Any, text: str, name: str = "lobby") -> str:
    line = read(text)
    assert line.is_command
    answer: str = run(slash_commands.run, actor=acts(user), name=name, line=line)
    return answer


@pytest.fixture
def moderated(run: Run, world: World) -> World:
    """Alice moderates the lobby, bob is a member."""
    run(restrict, world.room, world.alice, role=Membership.Role.MODERATOR)
    run(restrict, world.room, world.bob)
    return world


@pytest.fixture
def _no_commands_left() -> Iterator[None]:
    yield
    for name in list(commands.registered()):
        commands.unregister(name)


# --- What is one ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("/topic", Line("", "topic")),
        ("/topic  the news \n", Line("the news", "topic")),
        ("/TOPIC news", Line("news", "topic")),
        ("/roll\ntwice", Line("twice", "roll")),
        ("/骰子 2", Line("2", "骰子")),
        ("/me waves  at you", Line("waves  at you", kind="action")),
        ("/me", Line("", kind="action")),
        ("//topic news", Line("/topic news")),
        ("//", Line("/")),
        ("/ topic", Line("/ topic")),
        (" /topic", Line(" /topic")),
        ("/", Line("/")),
        ("/usr/bin", Line("/usr/bin")),
        ("/usr/bin is full", Line("/usr/bin is full")),
        ("/2 of them", Line("/2 of them")),
        ("/:)", Line("/:)")),
        ("/" + "a" * 33, Line("/" + "a" * 33)),
        ("see /topic", Line("see /topic")),
    ],
)
def test_a_text_is_a_command_or_a_message(text: str, line: Line) -> None:
    assert read(text) == line


@pytest.mark.parametrize("text", ["/topic news", "/nothing"])
def test_a_command_takes_no_files(text: str) -> None:
    with pytest.raises(BadFrame):
        read(text, has_files=True)


@pytest.mark.parametrize("text", ["/me waves", "//topic", "/usr/bin", "see this"])
def test_a_message_may_have_files(text: str) -> None:
    assert read(text, has_files=True) == read(text)


def test_a_setting_makes_them_messages(settings: Any) -> None:
    settings.CHAT_SLASH_COMMANDS = False
    for text in ("/topic news", "//topic", "/me waves"):
        assert read(text) == Line(text)


# --- The chat's own ---------------------------------------------------------------------------------------------------
def test_the_topic_is_changed_with_the_rights_of_who_writes_it(run: Run, moderated: World) -> None:
    assert write(run, moderated.bob, "/topic") == "This room has no topic."
    with pytest.raises(Forbidden):
        write(run, moderated.bob, "/topic news")
    assert write(run, moderated.alice, "/topic news") == "The topic was changed."
    assert run(Room.objects.get, name="lobby").topic == "news"
    assert write(run, moderated.bob, "/topic") == "news"


def test_somebody_is_invited_and_muted_by_name(run: Run, moderated: World) -> None:
    run(make_user, "carol")
    assert write(run, moderated.bob, "/invite @carol") == "carol is a member now."
    assert write(run, moderated.alice, "/mute carol") == "carol can only read now."
    assert write(run, moderated.alice, "/mute @bob 10 too loud") == "bob can only read now."
    ends = run(lambda: dict(Membership.objects.values_list("user__username", "muted_until")))
    assert ends["carol"].year == 9999
    assert ends["bob"].year < 9999
    with pytest.raises(Forbidden):
        write(run, moderated.bob, "/mute alice")


@on_sqlite
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("/topic " + "x" * 251, BadFrame),
        ("/topic two\nlines", BadFrame),
        ("/invite", BadFrame),
        ("/invite nobody", NoSuchUser),
        ("/mute bob 0", BadFrame),
        ("/mute bob 99999999", BadFrame),
        ("/mute bob " + "9" * 400, BadFrame),
        ("/mute", BadFrame),
        ("/mute bob 5 " + "x" * 501, BadFrame),
        ("/topics news", UnknownCommand),
    ],
)
def test_what_a_command_cannot_do_is_refused(run: Run, moderated: World, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        write(run, moderated.alice, text)


@on_sqlite
def test_a_private_room_of_others_is_no_room_for_commands(run: Run, moderated: World) -> None:
    for text in ("/topic", "/topic news", "/invite alice", "/mute alice", "/help"):
        with pytest.raises(NoSuchRoom):
            write(run, moderated.bob, text, "private")


@on_sqlite
@pytest.mark.usefixtures("_no_commands_left")
def test_help_has_what_one_may_use(run: Run, moderated: World) -> None:
    commands.register("roll", lambda _: "4", help="rolls a die")
    commands.register("purge", lambda _: None, allowed="owner")
    expected = ["/me what I do", "/topic topic", "/invite name", "/mute name [minutes] [reason]", "/help", "/roll"]
    shown = write(run, moderated.alice, "/help").split("\n")
    assert [line.partition(" — ")[0] for line in shown] == expected
    assert shown[-1] == "/roll — rolls a die"
    member = write(run, moderated.bob, "/help")
    assert "/invite" in member
    assert "/mute" not in member


# --- A project's own --------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("_no_commands_left")
def test_a_command_of_an_app_is_called_with_who_where_and_what(run: Run, moderated: World) -> None:
    calls: list[Call] = []
    commands.register("Roll", calls.append)
    assert write(run, moderated.bob, "/roll two dice") == ""
    [call] = calls
    assert (call.user.username, call.room.name, call.arguments) == ("bob", "lobby", "two dice")


@on_sqlite
@pytest.mark.usefixtures("_no_commands_left")
def test_a_command_is_for_a_rank(run: Run, moderated: World) -> None:
    commands.register("purge", lambda _: "done", allowed="moderator")
    assert write(run, moderated.alice, "/purge") == "done"
    with pytest.raises(Forbidden):
        write(run, moderated.bob, "/purge")
    with pytest.raises(NoSuchRoom):
        write(run, moderated.bob, "/purge", "private")


@on_sqlite
@pytest.mark.usefixtures("_no_commands_left")
@pytest.mark.parametrize("is_open", [True, False])
def test_one_that_fails_or_is_late_has_not_been_carried_out(
    run: Run, moderated: World, settings: Any, is_open: bool
) -> None:
    settings.CHAT_HOOKS_FAIL_OPEN, settings.CHAT_HOOK_BUDGET_MS = is_open, 1
    late = threading.Event()

    def fail(_: Call) -> str:
        raise RuntimeError

    def refuse(_: Call) -> str:
        raise Refused("Not on Sundays")

    commands.register("fail", fail)
    commands.register("wait", lambda _: late.wait(20) and None)
    commands.register("refuse", refuse)
    for text in ("/fail", "/wait"):
        with pytest.raises(Unavailable):
            write(run, moderated.bob, text)
    late.set()
    settings.CHAT_HOOK_BUDGET_MS = 5_000
    with pytest.raises(Refused, match="Not on Sundays"):
        write(run, moderated.bob, "/refuse")


@pytest.mark.usefixtures("_no_commands_left")
@pytest.mark.parametrize("name", ["me", "Topic", "roll dice", "usr/bin", "", "2nd", "x" * 33])
def test_a_name_that_is_none_or_taken_is_no_command(name: str) -> None:
    with pytest.raises(ValueError, match="command"):
        commands.register(name, print)
    commands.register("roll", print)
    commands.register("roll", print)  # an app that is made ready twice
    with pytest.raises(ValueError, match="already"):
        commands.register("ROLL", repr)
    with pytest.raises(ValueError, match="allowed"):
        commands.register("deal", print, allowed="dealer")
