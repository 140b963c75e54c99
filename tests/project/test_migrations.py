"""Migrations after the first run while the version before is serving: they lock no table for long, and only add.

Judged by the statements that PostgreSQL would run. docs/upgrading.md has the rules in words.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, models
from django.db.migrations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    CreateModel,
    Migration,
    RemoveField,
    RenameField,
    RenameModel,
    RunSQL,
)
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from rooms.storage.operations import AddIndexConcurrently
from tests.support.servers import Database

LABELS = {"chat_rooms", "chat_accounts"}
INDEX = models.Index(fields=["edited_at"], name="room_edits")
LOCKS = {
    r"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)": "an index that stops all writers: use AddIndexConcurrently",
    r"ADD CONSTRAINT (?!.* NOT VALID)": "a constraint that is checked under a lock: NOT VALID, and validated later",
    r"ALTER COLUMN .* (TYPE|SET NOT NULL)\b": "a column that is rewritten or read under a lock",
}
BREAKS = {
    r"ADD COLUMN (?!.* DEFAULT ).* NOT NULL": "a column that the old version cannot fill: db_default, or null=True",
    r"ALTER COLUMN .* DROP DEFAULT": "a column whose default only the new version knows: db_default, or null=True",
    r"\bRENAME\b": "a name that the old version goes on using",
}
REMOVES = {
    r"\bDROP (COLUMN|TABLE)\b": "something the old version reads, unless `unused_since` names a release that does not"
}


@pytest.fixture
def postgresql(postgres_url: str, django_db_blocker: Any) -> Iterator[Database]:
    database = Database(postgres_url, django_db_blocker)
    yield database
    database.close()


def refusals(migration: Migration, state: Any) -> list[str]:
    """What in this migration disturbs a version that is serving; `state` is that of the models before it."""
    rules = LOCKS | BREAKS | ({} if getattr(migration, "unused_since", "") else REMOVES)
    statements = _statements(migration, state)
    created = {name for statement in statements for name in re.findall(r'^CREATE TABLE "(\w+)"', statement)}
    return [
        f"{reason}: {statement}"
        for statement in statements
        if not created & set(re.findall(r'(?:ALTER TABLE|ON) "(\w+)"', statement))
        for pattern, reason in rules.items()
        if re.search(pattern, statement)
    ]


def _statements(migration: Migration, state: Any) -> list[str]:
    with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
        migration.apply(state, editor, collect_sql=True)
    return [line for line in editor.collected_sql if not line.startswith("--")]


def _judge_all() -> dict[str, list[str]]:
    loader = MigrationLoader(connection)
    later = [key for key in loader.graph.nodes if key[0] in LABELS and not key[1].startswith("0001_")]
    judged = {key: refusals(loader.graph.nodes[key], loader.project_state(key, at_end=False)) for key in later}
    return {".".join(key): found for key, found in judged.items() if found}


def _judge(operations: list[Operation], **attributes: Any) -> list[str]:
    migration = Migration("0002_made_up", "chat_rooms")
    migration.operations = operations
    for name, value in attributes.items():
        setattr(migration, name, value)
    return refusals(migration, MigrationLoader(connection).project_state())


def test_no_migration_disturbs_the_version_before(postgresql: Database) -> None:
    assert postgresql.run(_judge_all) == {}


GOOD: dict[str, Callable[[], list[Operation]]] = {
    "a column that may be null": lambda: [AddField("message", "mood", models.TextField(null=True))],
    "a column with a default in the database": lambda: [
        AddField("message", "stars", models.IntegerField(db_default=0))
    ],
    "a table with indexes and constraints": lambda: [
        CreateModel(
            "Mark", [("id", models.BigAutoField(primary_key=True)), ("at", models.DateTimeField(db_index=True))]
        ),
        AddConstraint("mark", models.UniqueConstraint(fields=["at"], name="one_mark_at_a_time")),
    ],
    "a constraint without a look at the table": lambda: [
        RunSQL('ALTER TABLE "chat_rooms_room" ADD CONSTRAINT "short" CHECK (length(title) < 100) NOT VALID')
    ],
    "another text for people": lambda: [
        AlterField("room", "title", models.CharField("heading", blank=True, max_length=200))
    ],
}
BAD: dict[str, Callable[[], list[Operation]]] = {
    "stops all writers": lambda: [AddIndex("message", INDEX)],
    "checked under a lock": lambda: [
        AddConstraint("room", models.CheckConstraint(condition=models.Q(last_seq__gte=0), name="no_seq_below_0"))
    ],
    "rewritten or read": lambda: [AlterField("message", "client_id", models.CharField(default="", max_length=64))],
    "cannot fill": lambda: [RunSQL('ALTER TABLE "chat_rooms_room" ADD COLUMN "topic" text NOT NULL')],
    "only the new version knows": lambda: [AddField("message", "stars", models.IntegerField(default=0))],
    "goes on using": lambda: [RenameField("room", "title", "heading")],
    "that the old version goes on": lambda: [RenameModel("Room", "Place")],
    "the old version reads": lambda: [RemoveField("room", "title")],
}  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
def test_what_only_adds_is_good(postgresql: Database, kind: str) -> None:
    assert postgresql.run(_judge, GOOD[kind]()) == []


@pytest.mark.parametrize("reason", BAD)
def test_what_locks_or_breaks_is_refused(postgresql: Database, reason: str) -> None:
    found = postgresql.run(_judge, BAD[reason]())
    assert [refusal for refusal in found if reason in refusal]


def test_an_index_is_good_when_it_is_added_concurrently(postgresql: Database) -> None:
    assert postgresql.run(_judge, [AddIndexConcurrently("message", INDEX)], atomic=False) == []


def test_what_the_release_before_no_longer_reads_may_be_removed(postgresql: Database) -> None:
    assert postgresql.run(_judge, [RemoveField("room", "title")], unused_since="1.1.0") == []
