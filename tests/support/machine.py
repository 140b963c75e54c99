"""What the tests ask of the machine: its parts, a free port, and child processes that end with the tests."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

MEMORY_BYTES = 2 << 30  # that a folder in memory must have free: several processes test at once


def missing(part: str) -> NoReturn:
    """Skips the test because this machine lacks a part; on CI, which must have every part, fails it instead."""
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"{part} is missing, and CI must not skip.", pytrace=False)
    pytest.skip(f"{part} is missing on this machine.")


def memory_folder() -> str | None:
    """A folder in memory, where files cost a tenth; None on a machine that has none, or a small one."""
    folder = "/dev/shm"  # noqa: S108 - whoever uses it makes a private folder there
    is_usable = os.path.ismount(folder) and os.access(folder, os.W_OK)
    return folder if is_usable and shutil.disk_usage(folder).free > MEMORY_BYTES else None


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until(condition: Callable[[], object], *, within: float = 20.0, what: str = "") -> None:
    """Asks again and again, from a thread that may block; raises AssertionError after `within` seconds."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"Not within {within} s: {what or condition}")
        time.sleep(0.02)


def answers(port: int) -> bool:
    """Does anything listen on this local port?"""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Child:
    """A child process in a group of its own, so that a kill reaches its workers too; what it prints is in `log`."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        ready: Callable[[], bool],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: int | None = None,
    ) -> None:
        self.command, self.log, self.ready = [str(word) for word in command], log, ready
        self.env, self.cwd, self.user = env, cwd, user
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process, "not started"
        return self.process.pid

    def start(self, within: float = 30.0) -> None:
        """Returns when the process is ready; raises AssertionError with its log when it ends instead."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=self.cwd,
                user=self.user,
                group=self.user,
                extra_groups=None if self.user is None else [],
                start_new_session=True,
            )
        try:
            wait_until(lambda: self._ended() or self.ready(), within=within, what=f"{self.command} is ready")
            assert not self._ended(), f"{self.command} ended at once"
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}\n{self.tail()}") from None

    def _ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def kill(self) -> None:
        """SIGKILL to the whole group, as a power cut would end it."""
        self._end(signal.SIGKILL)

    def terminate(self, within: float = 15.0) -> int:
        """SIGTERM, and the exit status; raises subprocess.TimeoutExpired when it does not end in time."""
        return self._end(signal.SIGTERM, within)

    def _end(self, sign: signal.Signals, within: float = 10.0) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            (os.killpg if sign == signal.SIGKILL else os.kill)(self.process.pid, sign)
        return self.process.wait(within)

    def ensure_running(self) -> None:
        if self._ended():
            self.start()

    def restart(self) -> None:
        self.kill()
        self.start()

    def tail(self, characters: int = 8_000) -> str:
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""


async def eventually(condition: Callable[[], object], *, within: float = 10.0, what: str = "") -> None:
    """Asks again and again while the event loop goes on; raises AssertionError after `within` seconds."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"Not within {within} s: {what or condition}")
        await asyncio.sleep(0.005)
