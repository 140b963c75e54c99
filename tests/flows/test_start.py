"""What stops a start: each wrong setting, in a sentence that names it, before anything listens."""

import os
import socket
import subprocess
import sys

import pytest

from tests.support.servers import PROJECT

SECRETS = {
    "SECRET_KEY": "a secret of a test with enough characters",
    "JWT_SECRET": "another one with enough characters",
}
PRODUCTION = ["-m", "chatsite.server"]
DEVELOPMENT = ["manage.py", "runserver", "--noreload"]


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
    assert ended.returncode != 0
    return ended.stdout.strip()


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is missing. Set it to a long random text, or DEBUG=1 for development."),
        ({"JWT_SECRET": ""}, "JWT_SECRET is missing. Set it to a long random text, or DEBUG=1 for development."),
        ({"JWT_SECRET": "short"}, "JWT_SECRET is too short: it must have at least 32 characters."),
        ({"DEBUG": "maybe"}, "DEBUG must be true or false, not 'maybe'."),
        ({"PORT": "70000"}, "PORT must be a whole number from 1 to 65535, not 70000."),
        ({"CHAT_MAX_CONNECTIONS": "many"}, "CHAT_MAX_CONNECTIONS must be a whole number from 0, not 'many'."),
        ({"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL must begin with sqlite:/// or postgres://."),
        ({"REDIS_URL": "http://x"}, "REDIS_URL must begin with redis://, rediss:// or unix://."),
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
    ids=lambda value: "=".join(*value.items()) if isinstance(value, dict) else "",
)
def test_a_wrong_setting_stops_the_start_and_is_named(variables: dict[str, str], sentence: str) -> None:
    assert sentence in _start(PRODUCTION, **variables).splitlines()[-1]


def test_the_development_server_says_it_too() -> None:
    assert "CHAT_HEARTBEAT_S must be a whole number from 1, not 0." in _start(DEVELOPMENT, CHAT_HEARTBEAT_S="0")


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        assert f"('127.0.0.1', {port}): address already in use" in _start(PRODUCTION, PORT=port)
