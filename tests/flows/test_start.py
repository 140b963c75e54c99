"""What stops a start: each wrong setting and a taken port, in one sentence, before anything listens."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers import PROJECT

SECRETS = {
    "SECRET_KEY": "a secret of a test with enough characters",
    "JWT_SECRET": "another one with enough characters",
}
PRODUCTION = ["-m", "chatsite.server"]
RUNSERVER = ["manage.py", "runserver"]
DEVELOPMENT = ["-m", "chatsite.development"]


def _start(program: list[str], **variables: str) -> str:
    """Starts a server that must not come up; what it says."""
    ended = subprocess.run(
        [sys.executable, *program],
        env={**os.environ, "DEBUG": "0", **SECRETS, **variables},
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    return ended.stdout.strip()


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is missing. Set it to a long random text, or DEBUG=1 for development."),
        ({"JWT_SECRET": ""}, "JWT_SECRET is missing. Set it to a long random text, or DEBUG=1 for development."),
        (
            {"JWT_SECRET": "", "JWT_SECRET_FILE": "/nowhere/secret"},
            "JWT_SECRET_FILE names /nowhere/secret, which cannot be read: No such file or directory.",
        ),
        ({"JWT_SECRET": "short"}, "JWT_SECRET is too short: it must have at least 32 characters."),
        ({"DEBUG": "maybe"}, "DEBUG must be true or false, not 'maybe'."),
        ({"PORT": "70000"}, "PORT must be a whole number from 1 to 65535, not 70000."),
        ({"CHAT_MAX_CONNECTIONS": "many"}, "CHAT_MAX_CONNECTIONS must be a whole number from 0, not 'many'."),
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL must begin with sqlite:/// or postgres://."),
        ({"REDIS_URL": "http://x"}, "REDIS_URL must begin with redis://, rediss://, unix://, redis+sentinel:// or"),
        (
            {"CHAT_TRUSTED_PROXIES": "10.0.0.1, proxy"},
            "CHAT_TRUSTED_PROXIES must be addresses or networks by commas: 'proxy' does not appear to be",
        ),
        ({"WORKERS": "0"}, "WORKERS must be a whole number from 1, not 0."),
        (
            {"WORKERS": "2"},
            "WORKERS is over 1: set REDIS_URL (or REDIS_HOST), by which the processes reach each other.",
        ),
        ({"ALLOWED_HOSTS": "*"}, 'ALLOWED_HOSTS="*" lets every web page open sockets'),
    ],
    ids=lambda value: " ".join(map("=".join, value.items())) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_stops_the_start_with_one_sentence(variables: dict[str, str], sentence: str) -> None:
    said = _start(PRODUCTION, **variables)
    assert said.startswith(sentence)
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "program",
    [RUNSERVER, [*RUNSERVER, "--noreload"], ["manage.py", "migrate"], DEVELOPMENT, [*DEVELOPMENT, "migrate"]],
    ids=" ".join,
)
def test_every_program_says_it(program: list[str]) -> None:
    said = _start(program, CHAT_HEARTBEAT_S="0")
    assert said == "CHAT_HEARTBEAT_S must be a whole number from 1, not 0."


# --- The file ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("program", [PRODUCTION, DEVELOPMENT], ids=["production", "development"])
def test_a_file_that_was_asked_for_and_is_missing_stops_the_start(program: list[str], tmp_path: Path) -> None:
    path = tmp_path / "production.env"
    assert (
        _start(program, CHAT_ENV_FILE=str(path)) == f"The settings in {path} cannot be read: No such file or directory."
    )


def test_a_line_that_sets_nothing_stops_the_start_and_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "production.env"
    path.write_text("# a comment\n\nexport PORT=8123\nSECRET_KEY = something secret\n")
    sentence = f"{path}, line 4: write NAME=value, without spaces around the name."
    assert _start(PRODUCTION, CHAT_ENV_FILE=str(path)) == sentence


@pytest.mark.parametrize("program", [PRODUCTION, RUNSERVER, DEVELOPMENT], ids=lambda program: program[-1])
def test_the_port_of_the_file_counts(program: list[str], tmp_path: Path, taken_port: str) -> None:
    path = tmp_path / "site.env"
    path.write_text(f"\ufeffPORT={taken_port}\n", encoding="utf-8")
    sentence = _start(program, CHAT_ENV_FILE=str(path)).splitlines()[-1]
    assert (
        sentence
        == f"Port {taken_port} of 127.0.0.1 is taken by another program. Stop it, or set PORT to another number."
    )


def test_the_number_of_workers_of_the_file_counts(tmp_path: Path) -> None:
    path = tmp_path / "site.env"
    path.write_text("WORKERS=2\n")
    assert _start(PRODUCTION, CHAT_ENV_FILE=str(path)).startswith("WORKERS is over 1: set REDIS_URL")


def test_unknown_variables_are_named_and_stop_nothing(tmp_path: Path, taken_port: str) -> None:
    path = tmp_path / "site.env"
    path.write_text("REDIS_ULR=redis://cache\nCOLOUR=blue\n")
    said = _start(
        PRODUCTION,
        CHAT_ENV_FILE=str(path),
        CHAT_MAX_CONECTIONS="5",
        PORT=taken_port,
        CHAT_PORT_8000_TCP="tcp://10.0.0.1",
    )
    for sentence in (
        "CHAT_MAX_CONECTIONS is unknown: did you mean CHAT_MAX_CONNECTIONS?",
        "REDIS_ULR is unknown: did you mean REDIS_URL?",
        "COLOUR is unknown: the chat does not read it.",
        "CHAT_PORT_8000_TCP is unknown: the chat does not read it.",
    ):
        assert said.count(sentence) == 1
    assert len(said.splitlines()) == 5, "and the port is taken"


# --- The port ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield str(other.getsockname()[1])


@pytest.mark.parametrize("reload", [[], ["--noreload"]], ids=["with-reloader", "without"])
def test_a_port_that_is_taken_after_the_check_ends_the_development_server(
    reload: list[str], taken_port: str, sqlite_url: str
) -> None:
    """The reloader's process does not check again: it is what is left when another program was quicker."""
    said = _start([*RUNSERVER, f"127.0.0.1:{taken_port}", *reload], DEBUG="1", DATABASE_URL=sqlite_url, RUN_MAIN="true")
    assert said.splitlines()[-1].startswith(f"Port {taken_port} of 127.0.0.1 is taken by another program.")
