"""The files of the project: found by walking, because a copy of it may come without its history."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("accounts", "chatsite", "monitoring", "rooms")
GENERATED = {"__pycache__", "node_modules", "staticfiles", "logs", "test-results"}


def files(root: Path = ROOT) -> Iterator[Path]:
    """Every file of the project, without generated, installed and personal ones."""
    for path in root.iterdir():
        if path.name in GENERATED or (
            path.name.startswith(".") and path.name not in (".ci", ".env.example", ".gitignore")
        ):
            continue
        if path.is_dir():
            yield from files(path)
        elif ".sqlite3" not in path.name:
            yield path


def modules() -> list[Path]:
    """The Python modules of the packages that are not empty."""
    found = (path for name in PACKAGES for path in files(ROOT / name) if path.suffix == ".py")
    return sorted(path for path in found if "migrations" not in path.parts and path.stat().st_size)
