"""How many files and sockets a process may open, and what is said when they are few."""

import resource
import subprocess
import sys

import pytest

from chatsite import descriptors
from tests.support.servers import PROJECT


@pytest.fixture
def allowed(monkeypatch: pytest.MonkeyPatch, settings) -> list[tuple[int, int]]:
    """The limit that the system has; what the process sets is appended."""
    limits = [(1_024, 4_096)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, limit: limits.append(limit))
    return limits


def test_the_limit_is_raised_as_far_as_allowed(allowed: list[tuple[int, int]]) -> None:
    descriptors.raise_limit()
    descriptors.raise_limit()
    assert allowed == [(1_024, 4_096), (4_096, 4_096)]


def test_fewer_than_the_connections_may_need_are_a_problem(allowed: list[tuple[int, int]], settings) -> None:
    settings.CHAT_MAX_CONNECTIONS = 1_024 - descriptors.RESERVE
    assert descriptors.problem() is None
    settings.CHAT_MAX_CONNECTIONS += 1
    assert "may open 1024 files and sockets, and needs 1025" in str(descriptors.problem())


@pytest.mark.parametrize(("limit", "most"), [(1_024, 924), (150, 75), (resource.RLIM_INFINITY, sys.maxsize - 100)])
def test_connections_leave_files_for_everything_else(allowed: list[tuple[int, int]], limit: int, most: int) -> None:
    allowed.append((limit, limit))
    assert descriptors.most_connections() == most


def test_a_system_without_limits_is_asked_nothing() -> None:
    """Windows: it has no module `resource`."""
    program = (
        "from django.conf import settings; settings.configure(); from rooms import conf\n"
        "import sys; sys.platform = 'win32'; sys.modules['resource'] = None\n"
        "from chatsite import descriptors; descriptors.raise_limit(); print(descriptors.problem())"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "None"
