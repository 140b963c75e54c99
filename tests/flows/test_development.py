"""`make run` and `make serve`: whose database they use, that a signal ends all their processes, and other systems."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.flows.frames import enter
from tests.support.client import ChatClient
from tests.support.machine import Child, answers, free_port, missing, wait_until
from tests.support.servers import PROJECT, ServerProcess

PYTHON = Path(sys.executable)
SECRETS = {"SECRET_KEY": "s" * 40, "JWT_SECRET": "j" * 40, "DEBUG": "0"}
Start = Callable[..., Child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a command of which every process must end with its test; ready when it listens on `port`."""
    started: list[Child] = []

    # A shell starts what runs in its background with this signal ignored, and children inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def _start(*command: str | Path, port: int, **variables: str) -> Child:
        env = {**os.environ, "PORT": str(port), "PYTHONUNBUFFERED": "1", **variables}
        child = Child(command, log=tmp_path / f"{port}.log", ready=lambda: answers(port), env=env, cwd=PROJECT)
        started.append(child)
        child.start()
        return child

    yield _start
    signal.signal(signal.SIGINT, before)
    for child in started:
        _kill_group(child.pid)
        child.kill()


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def _is_gone(group: int) -> bool:
    """Whether every process of the group has ended, and at most waits for a parent that asks for its status."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return set(_states(group)) == {"Z"}


def _states(group: int) -> Iterator[str]:
    """The state of each process of the group, as proc(5) has it."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            state, _, process_group = file.read_text().rpartition(")")[2].split()[:3]
            if int(process_group) == group:
                yield state


def _make(target: str) -> list[str]:
    """`make`, which takes this Python for the one of its `.venv`, and installs nothing."""
    if not shutil.which("make"):
        missing("make")
    return ["make", "--old-file=.venv/.installed", f"BIN={PYTHON.parent}", target]


def _database(path: Path) -> dict[str, str]:
    return {"DATABASE_URL": f"sqlite:///{path}", "DEVELOPMENT_DATABASE_URL": f"sqlite:///{path}"}


@pytest.mark.parametrize("to_group", [False, True], ids=["process", "group"])
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("program", ["chatsite.development", "chatsite.server"])
def test_a_signal_ends_every_process(
    start: Start, tmp_path: Path, program: str, sign: signal.Signals, to_group: bool
) -> None:
    child = start(PYTHON, "-m", program, port=free_port(), **SECRETS, **_database(tmp_path / "chat.sqlite3"))
    (os.killpg if to_group else os.kill)(child.pid, sign)
    assert child.process
    assert child.process.wait(15) in (0, -signal.SIGINT)
    wait_until(lambda: _is_gone(child.pid), what="no process is left")


@pytest.mark.parametrize("target", ["run", "serve"])
def test_a_signal_to_make_ends_every_process(start: Start, tmp_path: Path, target: str) -> None:
    child = start(*_make(target), port=free_port(), **SECRETS, **_database(tmp_path / "chat.sqlite3"))
    child.terminate()
    wait_until(lambda: _is_gone(child.pid), what="no process is left")


@pytest.fixture
def without_posix_modules(tmp_path: Path) -> dict[str, str]:
    """Variables of a Python in which the modules that Windows lacks cannot be imported by the product."""
    folder = tmp_path / "windows"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import builtins, os, sys\n"
        "real = builtins.__import__\n"
        "def refuse(name, scope=None, *others, **more):\n"
        "    ours = (scope or {}).get('__name__', '').startswith(('accounts', 'chatsite', 'monitoring', 'rooms'))\n"
        "    if ours and name in ('fcntl', 'grp', 'pwd', 'resource'):\n"
        "        raise ImportError(name)\n"
        "    return real(name, scope, *others, **more)\n"
        "builtins.__import__ = refuse\n"
        "sys.modules['uvloop'] = None\n"
        "del os.sysconf\n"
    )
    return {"PYTHONPATH": str(folder), "LOG_DIR": str(tmp_path / "logs")}


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
async def test_the_servers_work_without_the_modules_that_windows_lacks(
    make_server: Callable[..., ServerProcess], kind: str, without_posix_modules: dict[str, str]
) -> None:
    server = make_server(kind, **without_posix_modules)
    async with ChatClient.connect(server.ws_url, server.person("alice").token) as client:
        await enter(client, "general")
        await client.call("chat-message", roomId="general", content="Hello from Windows")
    assert "socket.opened" in _combined_log(without_posix_modules["LOG_DIR"])


def _combined_log(folder: str) -> str:
    return Path(folder, "combined.log").read_text()


def test_development_uses_nothing_of_production(start: Start, tmp_path: Path) -> None:
    """Neither the variables nor those of `.env`, but for the port and the limits."""
    production, development = tmp_path / "production.sqlite3", tmp_path / "development.sqlite3"
    port = free_port()
    (tmp_path / "site.env").write_text(
        f"DATABASE_URL=sqlite:///{production}\nALLOWED_HOSTS=chat.example\nCHAT_HTTPS=1\nEMAIL_URL=smtp://mail.example\n"
        f"REDIS_HOST=cache.example\nLOG_DIR={tmp_path / 'logs'}\nDEBUG=0\nPORT={port}\nCHAT_MAX_CONTENT_CHARS=77\n"
        f"DEVELOPMENT_DATABASE_URL=sqlite:///{development}\n"
    )
    variables = {"CHAT_ENV_FILE": str(tmp_path / "site.env"), "REDIS_URL": "redis://other.example", "PORT": str(port)}
    child = start(PYTHON, "-m", "chatsite.development", port=port, **SECRETS, **variables)
    names = ("DEBUG", "SECURE_HSTS_SECONDS", "CHAT_REDIS_URL", "EMAIL_BACKEND", "SECRET_KEY", "CHAT_MAX_CONTENT_CHARS")
    code = f"from django.conf import settings; print(*(getattr(settings, name) for name in {names}), sep='\\n')"
    shell = [PYTHON, "-m", "chatsite.development", "shell", "--no-imports", "-c", code]
    said = subprocess.run(shell, env=child.env, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    assert said[:4] == ["True", "0", "", "django.core.mail.backends.console.EmailBackend"]
    assert "development-only" in said[4]
    assert said[5] == "77"
    assert not production.exists()
    assert not (tmp_path / "logs").exists()
    with closing(sqlite3.connect(development)) as database:
        assert database.execute("SELECT count(*) FROM chat_accounts_user").fetchone() == (4,)


def test_who_can_sign_in_is_said_at_every_start(start: Start, tmp_path: Path) -> None:
    for _ in range(2):
        port = free_port()
        child = start(PYTHON, "-m", "chatsite.development", port=port, **_database(tmp_path / "chat.sqlite3"))
        wait_until(lambda child=child: "Starting ASGI" in child.tail())
        said = child.tail()
        assert f"Sign in at http://127.0.0.1:{port}/" in said
        assert said.count("demo-password") == 4
        child.terminate()
