"""What the wheel asks for is what requirements.txt explains, and its version is that of the change log."""

import re
import tomllib

import rooms
from tests.project.tree import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REQUIREMENT = re.compile(r"^([\w-]+(?:\[[\w,]+\])?[<>=~][^\s;#]+)", re.MULTILINE)


def _required() -> set[str]:
    extras = [one for extra in PROJECT["optional-dependencies"].values() for one in extra]
    return {one for one in [*PROJECT["dependencies"], *extras] if not one.startswith("chatsite[")}


def _without_marker(requirements: set[str]) -> set[str]:
    return {one.partition(";")[0].strip() for one in requirements}


def test_the_wheel_and_the_site_ask_for_the_same() -> None:
    assert _without_marker(_required()) == set(REQUIREMENT.findall((ROOT / "requirements.txt").read_text()))


def test_the_site_needs_every_extra() -> None:
    extras = PROJECT["optional-dependencies"]
    assert set(extras["site"][0].removeprefix("chatsite[").rstrip("]").split(",")) == set(extras) - {"site"}


def test_the_change_log_begins_with_this_version() -> None:
    [version] = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[:1]
    assert version == rooms.__version__
