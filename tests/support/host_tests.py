"""Tests of a project with a chat, as files of their own, run by pytest or by Django in the project of tests/host."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.project.tree import ROOT

SITE = ROOT / "tests/host/site"
IN_MEMORY = "sqlite://:memory:"


class HostTests:
    def __init__(self, folder: Path, database: str = IN_MEMORY) -> None:
        self.folder, self.database = folder, database

    def write(self, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            (self.folder / name).write_text(text)

    def pytest(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        plugins = ["-p", "rooms.testing.plugin", "-p", "no:cacheprovider"]
        return self._run("pytest", *plugins, "--ds=intranet.settings", "-q", "--rootdir=.", *arguments)

    def django(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self._run("django", "test", *arguments)

    def _run(self, module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        env = {
            name: value for name, value in os.environ.items() if not name.startswith(("CHAT_", "DJANGO_", "PYTEST_"))
        }
        env |= {
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(SITE)]),
            "DJANGO_SETTINGS_MODULE": "intranet.settings",
            "HOST_DATABASE": self.database,
            "HOST_USERS": "plain",
        }
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=50, check=False
        )
