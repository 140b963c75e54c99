"""Statements are written in rooms/storage and nowhere else: everywhere else the ORM writes them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project.tree import ROOT, modules

STATEMENT = re.compile(
    r"^\s*(WITH\s+\w+.*\bAS\s*\(|SELECT\s.+\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s|"
    r"(CREATE|ALTER|DROP)\s+(TABLE|INDEX|TRIGGER|VIEW)\s)",
    re.DOTALL,
)
RAW = {"raw", "extra", "execute", "executemany", "executescript", "RawSQL"}
PING = "SELECT 1"  # whether the database answers; it names no table


def _found(path: Path) -> Iterator[str]:
    """What of a module is SQL: texts that begin a statement, and calls that take one."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.match(node.value):
            yield f"{node.lineno}: {node.value.strip()[:40]}"
        if isinstance(node, ast.JoinedStr) and STATEMENT.match(_text(node)):
            yield f"{node.lineno}: {_text(node).strip()[:40]}"
        if isinstance(node, ast.Call) and (name := _name(node.func)) in RAW and not _is_harmless(node):
            yield f"{node.lineno}: {name}()"


def _is_harmless(call: ast.Call) -> bool:
    """A Redis pipeline is executed without a statement, and a command hands on its own arguments."""
    return (
        not call.args
        or isinstance(call.args[0], ast.Starred)
        or (isinstance(call.args[0], ast.Constant) and call.args[0].value == PING)
    )


def _text(node: ast.JoinedStr) -> str:
    return "".join(part.value if isinstance(part, ast.Constant) else "x" for part in node.values)  # type: ignore[misc]


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def test_only_storage_has_sql() -> None:
    found = {
        str(path.relative_to(ROOT)): sql
        for path in modules()
        if ROOT / "rooms/storage" not in path.parents and (sql := list(_found(path)))
    }
    assert not found


def test_storage_would_be_found() -> None:
    for name in ("reads.py", "postgres.py", "sqlite.py"):
        assert list(_found(ROOT / "rooms/storage" / name))


@pytest.mark.parametrize(
    "line",
    [
        'cursor.execute("x")',
        'Room.objects.raw("x")',
        'RawSQL("x", [])',
        'TEXT = "SELECT 1 FROM chat_rooms_room WHERE id = %s"',
        'TEXT = f"UPDATE {table} SET last_seq = 1"',
        'TEXT = """\\n  WITH new(room) AS (SELECT 1)"""',
        'TEXT = "DELETE FROM chat_rooms_room"',
    ],
)
def test_sql_is_found_in_any_form(line: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(line)
    assert list(_found(path))


@pytest.mark.parametrize(
    "line",
    [
        "pipeline.execute()",
        'cursor.execute("SELECT 1")',
        '"Select a room FROM the list"',
        '"""Updates rooms."""',
        '"Delete from here on"',
    ],
)
def test_what_is_no_statement_is_not_found(line: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(line)
    assert not list(_found(path))
