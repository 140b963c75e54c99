"""Real server processes for flows, each with a database of its own that the test can reach through the ORM."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, ParamSpec, Self, TypeVar

from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connections
from django.db.utils import load_backend
from pytest_django import DjangoDbBlocker

from chatsite import environment
from tests.support.factories import PASSWORD, make_user
from tests.support.machine import Child, free_port

P = ParamSpec("P")
R = TypeVar("R")
Kind = Literal["uvicorn", "daphne"]
PROJECT = Path(__file__).resolve().parents[2]


class Database:
    """A database by its URL. What `run` runs sees it as the default one, services and signals included."""

    def __init__(self, url: str, blocker: DjangoDbBlocker) -> None:
        self.url, self._blocker = url, blocker
        self._thread = ThreadPoolExecutor(1, initializer=self._connect)

    def _connect(self) -> None:
        settings = {**connections.databases["default"], **environment.database("", default=self.url)}
        settings["OPTIONS"] = {name: value for name, value in settings["OPTIONS"].items() if name != "pool"}
        connections["default"] = load_backend(settings["ENGINE"]).DatabaseWrapper(settings, "default")

    def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Runs a function against this database, in a thread of its own: async tests may call this too."""

        def unblocked() -> R:
            with self._blocker.unblock():
                return function(*args, **kwargs)

        return self._thread.submit(unblocked).result()

    def migrate(self) -> None:
        self.run(call_command, "migrate", verbosity=0, skip_checks=True)

    def close(self) -> None:
        self.run(_disconnect)
        self._thread.shutdown()


def _disconnect() -> None:
    connections["default"].close()


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a server's database, with an access token that is good there."""

    id: int
    username: str
    token: str
    password: str = PASSWORD


class ServerProcess(Child):
    """One real server: `python -m chatsite.server` (uvicorn) or `manage.py runserver` (daphne), migrated and listening.

    `kill`, `terminate` and `restart` keep its port and its database. `env` adds to or replaces its variables.
    """

    running: ClassVar[list["ServerProcess"]] = []

    def __init__(self, kind: Kind, *, folder: Path, database: Database, env: dict[str, str] | None = None) -> None:
        self.kind, self.database, self.port = kind, database, free_port()
        self.url, self.ws_url = f"http://127.0.0.1:{self.port}", f"ws://127.0.0.1:{self.port}/ws"
        programs: dict[Kind, list[str]] = {
            "uvicorn": ["-m", "chatsite.server"],
            "daphne": ["manage.py", "runserver", "--noreload", f"127.0.0.1:{self.port}"],
        }
        variables = {"PORT": str(self.port), "DATABASE_URL": database.url, "PYTHONUNBUFFERED": "1"}
        super().__init__(
            [sys.executable, *programs[kind]],
            log=folder / f"{kind}-{self.port}.log",
            ready=self._answers,
            env={**os.environ, **variables, **(env or {})},
            cwd=PROJECT,
        )

    def __enter__(self) -> Self:
        self.running.append(self)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.running.remove(self)
        try:
            self.terminate()
        except subprocess.TimeoutExpired:
            self.kill()
        self.database.close()

    def _answers(self) -> bool:
        try:
            with closing(urllib.request.urlopen(f"{self.url}/health", timeout=2)):  # noqa: S310 - our own address
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return True
        except OSError:
            return False

    def person(self, username: str, **fields: Any) -> Person:
        """Makes a user in the server's database and signs them in there, without a request."""
        return self.database.run(_person, username, **fields)


def _person(username: str, **fields: Any) -> Person:
    from accounts import tokens
    from rooms.callers import roles

    user = make_user(username, **fields)
    user.password = _argon2()
    user.save(update_fields=["password"])
    token = tokens.issue_access(user_id=user.pk, username=user.username, roles=roles(user), stamp=user.stamp())
    return Person(user.pk, user.username, token)


@cache
def _argon2() -> str:
    """The password as a server's own settings would store it: 100 ms, once."""
    return make_password(PASSWORD, hasher="argon2")
