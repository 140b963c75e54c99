"""Servers of a second project that installs the chat; see site/. A test speaks to it as its users and its code do."""

import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest

from tests.project.tree import ROOT
from tests.support.machine import Child, answers, free_port

SITE = Path(__file__).parent / "site"
Answer = tuple[int, Any]


class Visitor:
    """Somebody with a browser's session and a token: `get`, `post`, `cookie`."""

    def __init__(self, host: "Host", key: str, token: str) -> None:
        self.host, self.key, self.token = host, key, token
        self._jar: dict[str, str] = {}

    @property
    def cookie(self) -> str:
        if not self._jar:
            self.post("/enter/", key=self.key)
        return "; ".join(f"{name}={value}" for name, value in self._jar.items())

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask(path, None, headers)

    def post(self, path: str, **fields: str) -> Answer:
        return self._ask(path, urllib.parse.urlencode(fields).encode(), {})

    def rest(self, path: str, body: Any = None) -> Answer:
        """By the token."""
        data = None if body is None else json.dumps(body).encode()
        return self._ask(path, data, {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"})

    def _ask(self, path: str, data: bytes | None, headers: dict[str, str]) -> Answer:
        if self._jar:
            headers = {"Cookie": self.cookie, **headers}
        request = urllib.request.Request(f"{self.host.url}{path}", data, headers)  # noqa: S310 - our own address
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=10) as answer:
                return self._read(answer)
        except urllib.error.HTTPError as error:
            with error:
                return self._read(error)

    def _read(self, answer: Any) -> Answer:
        for line in answer.headers.get_all("Set-Cookie") or ():
            self._jar |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        text = answer.read().decode()
        return answer.status, json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class Host(Child):
    """The project, served by uvicorn alone; it knows `anna`, `ben` and `eve`, who is of the staff."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.port = free_port()
        self.prefix = variables.get("HOST_PREFIX", "")
        self.url = f"http://127.0.0.1:{self.port}{self.prefix}"
        self.ws_url = f"ws://127.0.0.1:{self.port}{self.prefix}/live/chat"
        database = {"HOST_DATABASE": f"sqlite:///{folder}/host.sqlite3", **variables}
        search = os.pathsep.join([str(ROOT), str(SITE)])
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("CHAT_", "DJANGO_"))}
        super().__init__(
            [
                sys.executable,
                "-m",
                "uvicorn",
                "intranet.asgi:application",
                "--port",
                str(self.port),
                "--ws",
                "websockets-sansio",
            ],
            log=folder / f"host-{self.port}.log",
            ready=lambda: answers(self.port),
            env={**ours, "PYTHONPATH": search, "DJANGO_SETTINGS_MODULE": "intranet.settings", **database},
            cwd=folder,
        )
        self.manage("migrate", "--verbosity=0")
        people = json.loads(self.manage("seed"))
        self.people = {name: Visitor(self, **values) for name, values in people.items()}
        self.anna, self.ben, self.eve = (self.people[name] for name in ("anna", "ben", "eve"))

    def manage(self, *arguments: str) -> str:
        command = [sys.executable, str(SITE / "manage.py"), *arguments]
        done = subprocess.run(command, env=self.env, cwd=self.cwd, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, code: str) -> str:
        """What this code prints in the serving process."""
        status, text = Visitor(self, "", "").post("/run/", code=code)
        assert status == 200, text
        return str(text).strip()

    def shell(self, code: str) -> str:
        """What this code prints in the project's shell: another process, which serves nobody. It takes seconds."""
        return self.manage("shell", "--no-imports", "--command", code).strip()

    def heard(self, text: str) -> bool:
        """Whether the project's receivers of signals wrote this."""
        return f"heard {text}" in self.log.read_text()


@pytest.fixture(scope="module")
def make_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Host]]:
    with ExitStack() as started:

        def make(**variables: str) -> Host:
            host = Host(tmp_path_factory.mktemp("host"), variables)
            host.start()
            started.callback(host.terminate)
            return host

        yield make


@pytest.fixture(scope="module", params=["email", "code", "plain"])
def host(request: pytest.FixtureRequest, make_host: Callable[..., Host]) -> Host:
    """The project with each kind of users."""
    return make_host(HOST_USERS=request.param)


@pytest.fixture(scope="module")
def intranet(make_host: Callable[..., Host]) -> Host:
    """The project whose people sign in by e-mail and have UUIDs as keys."""
    return make_host(HOST_USERS="email")
