"""docs/configuration.md and the settings say the same: every variable, with the default it really has."""

import ast
import re

from chatsite.variables import VALUES
from rooms.conf import SETTINGS
from rooms.setting import RateLimit
from tests.project.tree import ROOT, modules

# `get` is os.environ.get
NO_VARIABLES = {"CHAT_REDIS_URL"}  # set by REDIS_URL
READERS = {"text", "flag", "number", "words", "networks", "choice", "secret", "database", "mail", "get"}
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]+")


def _documented() -> dict[str, str]:
    """Variable → default, from the rows of the tables."""
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| ([^|]+) \|", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE)
    return {name: default.strip().strip("`") for name, default in rows}


def _read() -> dict[str, object]:
    """Variable → default, from the calls that read the environment, and the settings of the chat; None where the
    default is no plain value.
    """
    calls = (node for path in modules() for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    site = {name: _default(call) for call in calls if (name := _variable(call))}
    return site | {name: setting.default for name, setting in SETTINGS.items() if name not in NO_VARIABLES}


def _variable(call: ast.Call) -> str | None:
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    first = call.args[0] if call.args else None
    if function not in READERS or not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return None
    if function == "get" and ast.unparse(call.func) != "os.environ.get":
        return None
    return first.value if VARIABLE.fullmatch(first.value) else None


def _default(call: ast.Call) -> object:
    value = next((word.value for word in call.keywords if word.arg == "default"), None)
    return value.value if isinstance(value, ast.Constant) else None


def test_every_variable_is_documented_and_every_documented_one_is_read() -> None:
    assert set(_documented()) == set(_read())


def test_the_names_that_the_start_knows_are_those_that_are_read() -> None:
    assert set(_read()) == VALUES


def test_documented_numbers_are_the_defaults() -> None:
    documented = _documented()
    numbers = {name: str(value) for name, value in _read().items() if type(value) is int}
    assert {name: documented[name] for name in numbers} == numbers


def test_documented_rates_are_the_defaults() -> None:
    documented = _documented()
    rates = {name: setting.written for name, setting in SETTINGS.items() if isinstance(setting, RateLimit)}
    assert {name: documented[name] for name in rates} == rates


def test_the_example_file_names_only_variables_that_exist() -> None:
    example = set(re.findall(r"^#? ?([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert example
    assert example <= set(_read())
