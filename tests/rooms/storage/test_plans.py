"""Every statement can be answered by indexes, on both databases: none reads a whole table, none sorts a whole room."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction

from rooms import storage
from rooms.storage import NewMessage
from tests.support.rooms import Run, World

NEW = [NewMessage(1, 1, "hi", "c"), NewMessage(2, 1, "hi", "d"), NewMessage(1, 1, "hi")]
MOMENT = datetime(2026, 1, 2, tzinfo=UTC)
TABLES = (
    "chat_rooms_room",
    "chat_rooms_message",
    "chat_rooms_reaction",
    "chat_rooms_membership",
    "chat_rooms_block",
    "chat_rooms_mention",
    "chat_accounts_user",
)


def lookup() -> None:
    storage.dialect().lookup(NEW)


def store(*, wait: bool = True) -> None:
    with storage.dialect().posting():
        storage.dialect().store(NEW, [0, 0, 0], MOMENT, wait=wait)


# Each function of rooms.storage, in every form that makes another statement.
READS: dict[str, list[Callable[[], object]]] = {
    "access_by_id": [lambda: storage.access_by_id(user_id=1, room_id=1)],
    "access_by_name": [lambda: storage.access_by_name(user_id=1, name="lobby")],
    "blocked_authors": [lambda: storage.blocked_authors({(1, 1), (2, 2)})],
    "changes": [
        lambda: storage.changes(room_id=1, after=0),
        lambda: storage.changes(room_id=1, after=0, limit=50, above=5),
    ],
    "entry_by_id": [lambda: storage.entry_by_id(user_id=1, room_id=1)],
    "entry_by_name": [lambda: storage.entry_by_name(user_id=1, name="lobby")],
    "members_by_id": [lambda: storage.members_by_id([1, 2], [1, 2])],
    "members_by_key": [lambda: storage.members_by_key([1, 2], ["alice", "bob"])],
    "members_of": [lambda: storage.members_of([1], limit=50)],
    "recipients": [
        lambda: storage.recipients(message_id=1, user_ids=[1, 2]),
        lambda: storage.recipients(message_id=1, user_ids=None),
    ],
    "message": [lambda: storage.message(message_id=1)],
    "page": [
        lambda: storage.page(room_id=1, limit=50),
        lambda: storage.page(room_id=1, limit=50, before=10),
        lambda: storage.page(room_id=1, limit=50, after=1),
        lambda: storage.page(room_id=1, limit=50, after=1, before=10),
        lambda: storage.page(room_id=1, limit=50, before=10, above=5),
    ],
    "bulk_deletions": [lambda: storage.bulk_deletions(room_id=1, after=1, up_to=9)],
    "quoted": [lambda: storage.quoted([1, 2])],
    "replies": [
        lambda: storage.replies(root_id=1, limit=50),
        lambda: storage.replies(root_id=1, limit=50, after=1, before=10, above=5),
    ],
    "pins": [
        lambda: storage.pins(room_id=1, limit=50),
        lambda: storage.pins(room_id=1, limit=50, before=10, above=5),
    ],
    "marked_rooms": [lambda: storage.marked_rooms([(1, 1), (2, 2)], members=100)],
    "unread_rooms": [lambda: storage.unread_rooms(user_id=1)],
    "sign_in_state": [lambda: storage.sign_in_state(user_id=1)],
    "room_head": [lambda: storage.room_head(room_id=1)],
    "rooms_by_name": [
        lambda: storage.rooms_by_name(user_id=1, after="", limit=None),
        lambda: storage.rooms_by_name(user_id=1, after="a", limit=50),
    ],
}


def test_every_function_of_storage_is_explained_here() -> None:
    functions = {name for name in storage.__all__ if name.islower()}
    assert functions == set(READS) | {
        "dialect", "add_members", "message_ids", "quote", "quotes", "reactions", "reaction_kinds", "reply_counts",
        "move_marks", "completed", "has_name_keys", "user_ref", "mentions", "concerning",
    }  # fmt: skip


@pytest.mark.parametrize("name", READS)
def test_a_read_uses_indexes_and_does_not_sort(run: Run, world: World, name: str) -> None:
    for read in READS[name]:
        plans = run(explained, read)
        assert plans
        assert not [step for plan in plans for step in (*whole_tables(plan), *sorts(plan))]


def test_a_page_passes_no_deleted_messages(run: Run, world: World) -> None:
    for read in READS["page"]:
        [plan] = run(explained, read)
        assert [step for step in plan if "one_message_per_room_and_seq" in step], "which is of those not deleted"


def test_pins_are_read_without_the_messages_between_them(run: Run, world: World) -> None:
    for read in READS["pins"]:
        [plan] = run(explained, read)
        assert [step for step in plan if "pins" in step], "the index of pinned messages alone"


def test_looking_up_new_messages_uses_indexes(run: Run, world: World) -> None:
    run(store)  # so that the client ids are found
    plans = run(explained, lookup)
    assert len(plans) >= 2, "access and the messages that are repeated"
    assert not [step for plan in plans for step in whole_tables(plan)]


@pytest.mark.parametrize("read", [storage.reactions, storage.reaction_kinds, storage.reply_counts, storage.mentions])
def test_what_is_read_beside_messages_uses_indexes(run: Run, world: World, read: Any) -> None:
    """It is sorted by message: no more rows than the messages have."""
    [plan] = run(explained, lambda: read([1, 2]))
    assert not whole_tables(plan)


def test_mentions_are_counted_by_indexes_of_their_own(run: Run, world: World) -> None:
    [plan] = run(explained, lambda: storage.unread_rooms(user_id=1))
    for index in ("mentions_of_user", "mentions_of_rooms"):
        assert [step for step in plan if index in step]


def test_what_somebody_has_missed_is_found_by_indexes(run: Run, world: World) -> None:
    """Sorted are the messages that concern one and are not read, of all rooms."""
    [plan] = run(explained, lambda: storage.concerning(user_id=1, before=99, limit=50))
    assert not whole_tables(plan)
    assert [step for step in plan if "mentions_of_user" in step]
    assert [step for step in plan if "mentions_of_rooms" in step]


def test_making_members_uses_indexes(run: Run, world: World) -> None:
    people = [(world.room.pk, world.bob.pk), (world.private.pk, world.alice.pk)]
    [plan] = run(explained, lambda: storage.add_members(people, MOMENT))
    assert not whole_tables(plan)


def test_moving_marks_uses_indexes(run: Run, world: World) -> None:
    marks = [storage.Mark(world.private.pk, world.alice.pk, 0, 1), storage.Mark(world.room.pk, world.bob.pk, 0, 1)]
    [plan] = run(explained, lambda: storage.move_marks(marks))
    assert not whole_tables(plan)


@pytest.mark.parametrize("wait", [True, False])
def test_storing_messages_uses_indexes(run: Run, world: World, wait: bool) -> None:
    plans = run(explained, lambda: store(wait=wait))
    assert plans
    assert not [step for plan in plans for step in whole_tables(plan)]


def test_a_statement_without_an_index_would_be_noticed(run: Run, world: World) -> None:
    def read() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM chat_rooms_message WHERE content = 'hi' ORDER BY content")

    [plan] = run(explained, read)
    assert whole_tables(plan)

    def read_sorted() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM chat_rooms_message WHERE room_id = 1 ORDER BY content")

    [plan] = run(explained, read_sorted)
    assert not whole_tables(plan)
    assert sorts(plan)


# --- Plans ------------------------------------------------------------------------------------------------------------
def explained(use: Callable[[], object]) -> list[list[str]]:
    """The plan of each statement that this runs, step by step."""
    with transaction.atomic():
        plans = _explained_by_postgres(use) if connection.vendor == "postgresql" else _explained_by_sqlite(use)
        transaction.set_rollback(True)
    return plans


def _explained_by_sqlite(use: Callable[[], object]) -> list[list[str]]:
    """Statements that go past Django's cursor are seen by the driver's own trace."""
    statements: list[str] = []
    connection.connection.set_trace_callback(statements.append)
    try:
        use()
    finally:
        connection.connection.set_trace_callback(None)
    statements = [text for text in statements if text.split()[0] in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}]
    plans = [connection.connection.execute(f"EXPLAIN QUERY PLAN {statement}") for statement in statements]
    return [[step[3] for step in plan] or ["no table is read"] for plan in plans]


def _explained_by_postgres(use: Callable[[], object]) -> list[list[str]]:
    statements: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith("SAVEPOINT") and not sql.startswith("RELEASE"):
            statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        use()
    plans = []
    with connection.cursor() as cursor:
        for way in ("seqscan", "bitmapscan", "sort"):  # not forbidden, but taken only where there is no other
            cursor.execute(f"SET LOCAL enable_{way} = off")
        for sql, params in statements:
            cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
            [found] = cursor.fetchone()
            found = json.loads(found) if isinstance(found, str) else found
            plans.append(_steps(found[0]["Plan"]))
    return plans


def _steps(plan: dict[str, Any]) -> list[str]:
    step = f"{plan['Node Type']} {plan.get('Index Name', '')} {plan.get('Relation Name', '')}"
    return [step, *(inner for part in plan.get("Plans", []) for inner in _steps(part))]


def whole_tables(plan: list[str]) -> list[str]:
    """The steps that read a whole table; on SQLite a subquery's answer is a table to scan, of the name it was given."""
    subqueries = {step.split()[1] for step in plan if step.startswith(("CO-ROUTINE", "MATERIALIZE"))}
    return [
        step
        for step in plan
        if (step.startswith("SCAN") and step.split()[1] in {*TABLES} - subqueries and "USING" not in step)
        or (step.startswith("Seq Scan") and step.split()[-1] in TABLES)
    ]


def sorts(plan: list[str]) -> list[str]:
    return [step for step in plan if "TEMP B-TREE" in step or "Sort" in step]
