"""The code of two versions in folders of their own: the newest release, and what comes after the present code."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from pathlib import Path
from typing import Any

from tests.project.tree import PACKAGES
from tests.support.servers import PROJECT, Database, Person, ServerProcess

PASSWORD = "horse-battery-staple"
CODE = (*PACKAGES, "locale", "templates", "manage.py")
FIRST = ("rooms/migrations/0001_initial.py", "accounts/migrations/0001_initial.py")
# What a coming version may add while this one is serving: columns, a table, and an index on a table that has data.
ADDITIONS = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat_rooms", "{newest}")]
    operations = [
        migrations.AddField("room", "made_up_topic", models.TextField(null=True)),
        migrations.AddField("message", "made_up_stars", models.IntegerField(db_default=0)),
        migrations.AddField("membership", "made_up_color", models.CharField(db_default="red", max_length=10)),
        migrations.CreateModel(
            "MadeUp",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("message", models.ForeignKey("chat_rooms.message", models.CASCADE)),
            ],
        ),
    ]
"""
INDEX = """
from django.db import migrations, models

from rooms.storage.operations import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("chat_rooms", "9998_made_up")]
    operations = [AddIndexConcurrently("message", models.Index(fields=["edited_at"], name="made_up_edits"))]
"""


def old_version(folder: Path) -> Path:
    """The newest release with the same first migrations; the present code while there is none, or no history here."""
    tag = _newest_release()
    if tag is None:
        return _present_code(folder)
    with tarfile.open(fileobj=io.BytesIO(_git("archive", tag))) as archive:
        archive.extractall(folder, filter="data")
    return folder


def new_version(folder: Path) -> Path:
    """The present code with two migrations more."""
    migrations = _present_code(folder) / "rooms/migrations"
    newest = max(path.stem for path in migrations.glob("0*.py"))
    (migrations / "9998_made_up.py").write_text(ADDITIONS.format(newest=newest))
    (migrations / "9999_made_up_index.py").write_text(INDEX)
    return folder


def _present_code(folder: Path) -> Path:
    folder.mkdir()
    for name in CODE:
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(PROJECT / name, folder / name)
    return folder


def _newest_release() -> str | None:
    tags = (
        _git("tag", "--list", "v*", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-v:refname").decode().split()
    )
    return next((tag for tag in tags if _begins_as_today(tag)), None)


def _begins_as_today(tag: str) -> bool:
    return all(_git("show", f"{tag}:{path}") == (PROJECT / path).read_bytes() for path in FIRST)


def _git(*arguments: str) -> bytes:
    """What git prints; nothing where there is no git, or the project has come without its history."""
    program = shutil.which("git")
    return (
        subprocess.run([program, *arguments], cwd=PROJECT, capture_output=True, check=False).stdout if program else b""
    )


def migrate(version: Path, database: Database) -> None:
    command = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(command, cwd=version, env=os.environ | {"DATABASE_URL": database.url}, check=True)


def register(url: str, username: str) -> Person:
    """Registers somebody over REST; returns them with an access token."""
    body = json.dumps({"username": username, "password": PASSWORD}).encode()
    request = urllib.request.Request(f"{url}/api/auth/register", body, {"Content-Type": "application/json"})  # noqa: S310 - our own address
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - the same
        signed_in = json.load(answer)
    return Person(int(signed_in["user"]["id"]), username, signed_in["token"], PASSWORD)


class VersionProcess(ServerProcess):
    """A server whose code is in a folder: `cwd`. People register over REST, because only it knows its own models."""

    def person(self, username: str, **fields: Any) -> Person:
        assert not fields, "not over REST"
        return register(self.url, username)
