"""Compiles and drives the load client of benchmarks/client. Knows no server and no goal."""

import json
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

SOURCE = Path(__file__).resolve().parent / "client/load.c"
Result = dict[str, float]  # what one round found, by name


def compiled(folder: Path) -> Path:
    """The client's program. Without a C compiler nothing can be measured, so that ends the run."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        sys.exit(
            "The load client is written in C, and there is no C compiler here. On Debian or Ubuntu: apt install gcc"
        )
    program = folder / "load"
    subprocess.run([compiler, "-O2", "-o", program, SOURCE], check=True)
    return program


class Load:
    """A running client of one server; `ports`, `tokens` (a file, a token a line) and `path` are where it connects."""

    def __init__(
        self, process: "subprocess.Popen[str]", ports: tuple[int, ...], tokens: Path | None, accept: str
    ) -> None:
        self._process, self._answers = process, cast(IO[str], process.stdout)
        path = f"/ws?accept={accept}" if accept else "/ws"
        self._where = f"{','.join(map(str, ports))} {path} {tokens or '-'}"

    def start(self, command: str) -> None:
        print(command, file=self._process.stdin, flush=True)

    def is_busy(self, wait_s: float) -> bool:
        """Whether the command still runs after this time."""
        return not select.select([self._answers], [], [], wait_s)[0]

    def result(self) -> Result:
        """Raises RuntimeError when the client gave up, because a message was lost or doubled, for example."""
        line = self._answers.readline()
        if not line.endswith("}\n"):
            raise RuntimeError("The load client has ended; its reason is above")
        found: Result = json.loads(line)
        return found

    def run(self, command: str) -> Result:
        self.start(command)
        return self.result()

    def connect(self, people: int, first: int = 0) -> Result:
        """Signs in the people from number `first` on."""
        return self.run(f"connect {self._where} {first} {people}")

    def join(self, prefix: str, people: int, rooms: int = 1) -> Result:
        """The first `people` connections join the rooms `<prefix>-0`, `<prefix>-1`, … in turn."""
        return self.run(f"join {prefix} {rooms} {people}")

    def stall(self, number: int, room: str) -> Result:
        """One more person joins and then stops reading."""
        return self.run(f"stall {self._where} {number} {room}")


@contextmanager
def load(program: Path, ports: tuple[int, ...], tokens: Path | None, accept: str = "") -> Iterator[Load]:
    process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Load(process, ports, tokens, accept)
    finally:
        process.kill()
        process.communicate()
