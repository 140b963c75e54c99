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
