"""Imports only go down, and no module stands outside the layers that say so."""

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.project.tree import ROOT, modules


def test_imports_only_go_down() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_module_has_its_layer() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(contract["layers"] for contract in settings["contracts"] if contract["id"] == "layers")
    known = {name.strip(" ()\n") for layer in layers for name in layer.split(":")}
    packages = {f"{package}.__init__" for package in settings["root_packages"]}  # they contain all layers
    outside = [
        name
        for name in (".".join(module.relative_to(ROOT).with_suffix("").parts) for module in modules())
        if name not in packages and not any(name == layer or name.startswith(f"{layer}.") for layer in known)
    ]
    assert not outside, "Give them a place in pyproject.toml, [tool.importlinter]"


WITHOUT_REDIS = """
import sys
sys.modules |= dict.fromkeys(["redis", "channels_redis"])
import django
django.setup()
import pkgutil, rooms
for found in pkgutil.walk_packages(rooms.__path__, "rooms."):
    if found.name not in ("rooms.live.redis_client", "rooms.live.redis_presence"):
        __import__(found.name)
from rooms import redis_hosts
redis_hosts.parse("redis://cache")
"""


def test_one_process_needs_no_redis_packages_and_a_url_says_that_they_are_missing() -> None:
    """Two modules are imported when there is a URL; every other one at any time."""
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_REDIS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.stderr.splitlines()[-1] == (
        "ValueError: needs the packages redis and channels-redis, which are not installed"
    )
