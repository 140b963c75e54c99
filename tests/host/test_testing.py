"""The examples of docs/testing.md, run as they stand by the second project; and what tests that fail show."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.host.conftest import SITE
from tests.project.tree import ROOT

EXAMPLE = re.compile(r"```python\n(# (\w+\.py)\n.*?)```", re.DOTALL)
IN_MEMORY = "sqlite://:memory:"
FAILING = """
import pytest


def test_of_a_frame_that_does_not_come(chat_client, alice):
    chat = chat_client(alice, timeout=0.2).connect()  # and is left open
    chat.join("general")
    chat.expect("ack")


def test_of_a_hook_that_hangs(chat_client, alice, settings):
    settings.CHAT_CAN_POST = "shop.hooks.hang"
    with chat_client(alice, timeout=0.2) as chat:
        chat.join("general")
        chat.send("chat-message", roomId="general", content="Hello", id="1")
        chat.expect("ack")


def test_of_an_exception(chat_client, alice, settings):
    settings.CHAT_DISPLAY_NAME = "shop.hooks.fail"
    with chat_client(alice):
        pass


@pytest.mark.parametrize("real", [False, pytest.param(True, marks=pytest.mark.django_db(transaction=True))])
def test_that_passes_after_those(chat_client, alice, real):
    with chat_client(alice) as chat:
        chat.join("general")
        assert chat.call("chat-message", roomId="general", content="Hello")["type"] == "ack"
"""
pytestmark = pytest.mark.timeout(120)  # a run imports Django in three processes


def run(folder: Path, *command: str, database: str = IN_MEMORY) -> "subprocess.CompletedProcess[str]":
    """Runs a Python module beside the project, whose users are Django's own."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("CHAT_", "DJANGO_", "PYTEST_"))}
    project = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(SITE)]),
        "DJANGO_SETTINGS_MODULE": "intranet.settings",
        "HOST_DATABASE": database,
        "HOST_USERS": "plain",
    }
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder, env=mine | project, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip


def run_pytest(folder: Path, *options: str, database: str = IN_MEMORY) -> "subprocess.CompletedProcess[str]":
    plugins = ["-p", "rooms.testing.plugin", "-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:playwright"]
    return run(folder, "pytest", "--rootdir=.", "-q", "-W", "error", *plugins, *options, database=database)


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A folder with the files of the page."""
    for text, name in EXAMPLE.findall((ROOT / "docs/testing.md").read_text()):
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("database", ["memory", "postgres"])
def test_the_examples_pass_in_parallel_on_each_database(
    examples: Path, database: str, request: pytest.FixtureRequest
) -> None:
    url = IN_MEMORY if database == "memory" else request.getfixturevalue("postgres").url
    result = run_pytest(examples, "-n2", database=url)
    assert "6 passed" in result.stdout, result.stdout + result.stderr
    assert not list(examples.glob("*memory*"))  # no file by the name of a database in memory


def test_the_test_case_passes_by_djangos_own_runner(examples: Path) -> None:
    result = run(examples, "django", "test")
    assert "Ran 1 test" in result.stderr, result.stdout + result.stderr
    assert "OK" in result.stderr


def test_tests_that_fail_end_and_say_why_and_harm_no_other(examples: Path) -> None:
    (examples / "test_failing.py").write_text(FAILING)
    result = run_pytest(examples, "test_failing.py")
    assert "3 failed, 2 passed" in result.stdout, result.stdout + result.stderr
    for text in (
        'Not within 0.2 s: {"type": "ack"}.',
        'Came instead:\nE       {"type": "message-history", "roomId": "general"',
        "The chat logged:\nE       info socket.opened",
        "A function did not return in time:",
        "threading.Event().wait()",
        "raise ZeroDivisionError",
        "The chat raised an exception",
    ):
        assert text in result.stdout
    assert "rooms/testing/client.py" not in result.stdout  # a traceback shows the test, not the client
