"""The shape of the code: short modules, short functions, names of the field."""

import ast
from pathlib import Path

from tests.project.tree import PACKAGES, ROOT, files, modules

MODULE_LINES, FUNCTION_LINES = 300, 40
NAMES_WITHOUT_MEANING = {"utils", "util", "helpers", "helper", "common", "misc", "mixins", "tools"}


def test_no_module_is_over_300_lines() -> None:
    lengths = {path.relative_to(ROOT).as_posix(): _lines(path) for path in modules()}
    long = {name: lines for name, lines in lengths.items() if lines > MODULE_LINES}
    assert not long


def test_no_function_is_over_40_lines() -> None:
    functions = (
        (path, node)
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": lines
        for path, node in functions
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    }
    assert not long


def test_every_module_says_what_it_owns() -> None:
    silent = [path for path in modules() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent


def test_no_name_is_without_meaning() -> None:
    named = [path for package in PACKAGES for path in files(ROOT / package) if path.stem in NAMES_WITHOUT_MEANING]
    named = [path for path in named if path.suffix == ".py"]
    classes = [
        node.name
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and node.name.endswith("Mixin")
    ]
    assert not named
    assert not classes


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())
