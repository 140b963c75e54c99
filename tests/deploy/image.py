"""Builds the image of the Dockerfile without a container daemon: its steps run in folders that stand for its stages.

Absolute paths of the image are rewritten to lie in the folder of the stage. What only a daemon can do is left out: the
base image (this machine's Python stands for it), and the separation from the machine.
"""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from tests.support.machine import Child, missing
from tests.support.servers import PROJECT

FOLDERS = ("/srv/chat", "/data")  # the absolute paths of the Dockerfile
INSTRUCTION = re.compile(r"^([A-Z]+) (.+)$", re.DOTALL)


class Image:
    """The last stage; `env`, `user` and `command` are as a container would have them, with paths on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = _programs(folder)
        self.stages: dict[str, Path] = {}
        self.root = folder
        self.env: dict[str, str] = {}
        self.user: int | None = None
        self.command: list[str] = []
        self.health: list[str] = []
        for name, text in _instructions():
            getattr(self, f"_{name.lower()}")(text)

    @property
    def code(self) -> Path:
        return self.root / "srv/chat"

    def bytes(self) -> int:
        """What the image adds to its base: the sizes of all files."""
        return sum(file.stat().st_size for file in self.code.rglob("*") if file.is_file() and not file.is_symlink())

    def run(self, *command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command as a container does, to its end."""
        return subprocess.run(
            self._found(command), cwd=self.code, env=self.env | variables, capture_output=True, text=True, check=False,
            **({} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}),
        )  # fmt: skip

    def container(self, log: Path, **variables: str) -> Child:
        """A container of it: it is ready when its health check says so."""
        return Child(
            self._found(self.command),
            log=log,
            ready=lambda: self.run(*self.health, **variables).returncode == 0,
            env=self.env | variables,
            cwd=self.code,
            user=self.user,
        )

    def _found(self, command: "list[str] | tuple[str, ...]") -> list[str]:
        program = shutil.which(command[0], path=self.env["PATH"])
        assert program, f"{command[0]} is not in the image"
        return [program, *command[1:]]

    # --- Instructions -------------------------------------------------------------------------------------------------
    def _from(self, text: str) -> None:
        name = text.partition(" AS ")[2] or "last"
        self.root = self.stages[name] = self.folder / name
        self.env = {name: os.environ[name] for name in os.environ if name.startswith("PIP_")}
        self.env |= {"PATH": f"{self.programs}{os.pathsep}/usr/bin{os.pathsep}/bin"}

    def _workdir(self, text: str) -> None:
        assert text == FOLDERS[0]
        self.code.mkdir(parents=True)

    def _env(self, text: str) -> None:
        for name, value in re.findall(r"(\w+)=(\S*)", text):
            self.env[name] = self._here(value).replace("$PATH", self.env["PATH"])

    def _copy(self, text: str) -> None:
        *flags, rest = re.findall(r"--\S+|(?!--)\S.*$", text)
        options = dict(flag.removeprefix("--").split("=") for flag in flags)
        *sources, target = rest.split()
        for source in sources:
            if "from" in options:
                self._copy_tree(Path(self._here(source, self.stages[options["from"]])), Path(self._here(target)))
            else:
                assert f"!{source}\n" in (PROJECT / ".dockerignore").read_text(), f"{source} is not in the context"
                name = source if target == "./" else target
                self._copy_tree(PROJECT / source, self.code / name)
        if "chown" in options and os.geteuid() == 0:
            owner, group = (int(number) for number in options["chown"].split(":"))
            os.chown(self._here(target), owner, group)

    @staticmethod
    def _copy_tree(source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(
                source, target, symlinks=True, dirs_exist_ok=True,
                ignore=shutil.ignore_patterns("__pycache__") if PROJECT in source.parents else None,
            )  # fmt: skip
        else:
            shutil.copy2(source, target)

    def _run(self, text: str) -> None:
        done = subprocess.run(
            ["/bin/sh", "-c", self._here(text)],
            cwd=self.code,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"

    def _user(self, text: str) -> None:
        self.user = int(text.split(":", maxsplit=1)[0]) if os.geteuid() == 0 else None

    def _healthcheck(self, text: str) -> None:
        self.health = json.loads(text.partition(" CMD ")[2])

    def _cmd(self, text: str) -> None:
        self.command = json.loads(text)

    def _declaration(self, text: str) -> None:
        """Says something to a daemon only."""

    _arg = _volume = _expose = _declaration

    def _here(self, text: str, root: Path | None = None) -> str:
        for folder in FOLDERS:
            text = re.sub(rf"(?<![\w/]){folder}\b", f"{root or self.root}{folder}", text)
        return text


def _instructions() -> list[tuple[str, str]]:
    lines = [line for line in (PROJECT / "Dockerfile").read_text().splitlines() if line and not line.startswith("#")]
    whole = re.sub(r" \\\n\s*", " ", "\n".join(lines)).splitlines()
    return [(match[1], match[2]) for line in whole if (match := INSTRUCTION.match(line))]


def _programs(folder: Path) -> Path:
    """A folder whose `python` is one of this machine that every user can start."""
    base = Path(sys.base_prefix, "bin", "python3")
    found = [
        path.resolve() for path in (base, Path("/usr/local/bin/python3"), Path("/usr/bin/python3")) if path.exists()
    ]
    python = next(filter(_is_for_all, found), None)
    if python is None:
        missing("a Python 3.11 with venv that every user can start")
    programs = folder / "bin"
    programs.mkdir()
    (programs / "python").symlink_to(python)
    return programs


def _is_for_all(python: Path) -> bool:
    test = "import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))"
    if not python.exists():
        return False
    is_reachable = os.geteuid() != 0 or all(parent.stat().st_mode & stat.S_IXOTH for parent in python.parents)
    return is_reachable and subprocess.run([python, "-c", test], check=False, capture_output=True).returncode == 0
