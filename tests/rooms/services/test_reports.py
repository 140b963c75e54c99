"""Reports on both databases: what they keep, what can be reported, how moderators work on them, how long they stay."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms import signals, storage
from rooms.callers import Actor
from rooms.errors import Banned, Conflict, NoSuchMessage, NoSuchRoom, NoSuchUser
from rooms.models import AuditEntry, Membership, Message, Report, Room
from rooms.services.changes import delete_message, edit_message
from rooms.services.posting import post_message
from rooms.services.reports import (
    open_count,
    outdated,
    prune,
    report_by_filter,
    report_message,
    report_user,
    set_note,
    set_state,
)
from tests.support.factories import make_user
from tests.support.rooms import Run, World, Writers, at_once, from_now, restrict

Say = Callable[..., str]


@pytest.fixture
def say(run: Run, world: World) -> Say:
    """Alice says something in the public room, or in another one; answers the message's id."""

    def post(content: str = "rude", room: Room = world.room) -> str:
        return str(run(post_message, room_id=room.pk, author_id=world.alice.pk, content=content).id)

    return post


def bob(world: World) -> Actor:
    return Actor(world.bob.pk, ("user",), "socket", "bob")


def report(run: Run, world: World, message_id: str, reason: str = "rude", room: str = "lobby") -> None:
    run(report_message, actor=bob(world), name=room, message_id=message_id, reason=reason)


def only(run: Run) -> Report:
    found: Report = run(Report.objects.get)
    return found


# --- What is kept -----------------------------------------------------------------------------------------------------
def test_a_report_keeps_the_message_through_edits_deletion_and_renames(run: Run, world: World, say: Say) -> None:
    message_id = say("You are stupid")
    report(run, world, message_id, "an insult")
    run(edit_message, message_id=int(message_id), content="You are kind")
    run(delete_message, message_id=int(message_id))
    run(lambda: type(world.alice).objects.filter(pk=world.alice.pk).update(username="angel"))
    kept = only(run)
    assert (kept.kind, kept.state, kept.content, kept.reason) == ("message", "open", "You are stupid", "an insult")
    assert (kept.reported_id, kept.reported_name, kept.room_name) == (world.alice.pk, "alice", "lobby")
    assert (kept.reporter_id, kept.message_id) == (world.bob.pk, int(message_id))
    assert kept.sent_at == run(lambda: Message.objects.get().created_at)


def test_a_report_outlives_its_message_its_room_and_both_people(run: Run, world: World, say: Say) -> None:
    report(run, world, say())
    for record in (Message.objects.get, lambda: world.room, lambda: world.alice, lambda: world.bob):
        run(lambda record=record: record().delete())
    kept = only(run)
    assert (kept.reporter_id, kept.reported_id, kept.room_id) == (None, None, None)
    assert (kept.reported_name, kept.room_name, kept.content) == ("alice", "lobby", "rude")


def test_a_report_of_a_person_names_the_room_it_is_about(run: Run, world: World) -> None:
    run(report_user, actor=bob(world), username="alice", reason="spam", name="lobby")
    kept = only(run)
    assert (kept.kind, kept.reported_id, kept.reported_name) == ("user", world.alice.pk, "alice")
    assert (kept.room_id, kept.room_name, kept.content) == (world.room.pk, "lobby", "")


# --- What can be reported ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("hidden", ["elsewhere", "before joining", "deleted", "missing", "no number", "too large"])
def test_a_message_one_may_not_read_is_no_message_at_the_same_cost(
    run: Run, world: World, say: Say, hidden: str
) -> None:
    seen, other = say(), say(room=world.private if hidden == "elsewhere" else world.room)
    if hidden == "before joining":
        run(restrict, world.room, world.bob, visible_from_seq=2)
    if hidden == "deleted":
        run(delete_message, message_id=int(other))
    asked = {"missing": "999999", "no number": "x", "too large": "9" * 19}.get(hidden, other)

    def refused() -> int:
        with CaptureQueriesContext(connection) as queries, pytest.raises(NoSuchMessage):
            report_message(actor=bob(world), name="lobby", message_id=asked, reason="")
        return len(queries)

    assert run(refused) == 2
    assert not run(Report.objects.exists)
    if hidden != "before joining":
        report(run, world, seen)
        assert only(run).message_id == int(seen)


def test_a_room_one_may_not_enter_is_no_room(run: Run, world: World, say: Say) -> None:
    message_id = say(room=world.private)
    with pytest.raises(NoSuchRoom):
        report(run, world, message_id, room="private")
    run(restrict, world.private, world.bob)
    report(run, world, message_id, room="private")
    assert only(run).room_name == "private"


def test_who_is_banned_from_the_room_reports_nothing_of_it(run: Run, world: World, say: Say) -> None:
    run(restrict, world.room, world.bob, role=Membership.Role.NONE, banned_until=from_now(1))
    with pytest.raises(Banned):
        report(run, world, say())
    with pytest.raises(Banned):
        run(report_user, actor=bob(world), username="alice", reason="", name="lobby")
    run(report_user, actor=bob(world), username="alice", reason="")
    assert only(run).room_id is None


def test_oneself_cannot_be_reported(run: Run, world: World, say: Say) -> None:
    alice = Actor(world.alice.pk, ("user",), "socket", "alice")
    with pytest.raises(Conflict):
        run(report_message, actor=alice, name="lobby", message_id=say(), reason="")
    with pytest.raises(Conflict):
        run(report_user, actor=alice, username="alice", reason="")
    assert not run(Report.objects.exists)


def test_nobody_of_that_name_cannot_be_reported(run: Run, world: World) -> None:
    with pytest.raises(NoSuchUser):
        run(report_user, actor=bob(world), username="nobody", reason="")


# --- Once -------------------------------------------------------------------------------------------------------------
def test_a_repeated_report_changes_nothing_until_the_first_is_settled(run: Run, world: World, say: Say) -> None:
    message_id = say()
    report(run, world, message_id, "first")
    report(run, world, message_id, "second")
    assert only(run).reason == "first"
    run(set_state, actor=Actor(None), report_id=only(run).pk, state="reviewing")
    report(run, world, message_id, "third")
    run(set_state, actor=Actor(None), report_id=only(run).pk, state="dismissed")
    report(run, world, message_id, "fourth")
    assert run(lambda: list(Report.objects.order_by("pk").values_list("reason", "state"))) == [
        ("first", "dismissed"),
        ("fourth", "open"),
    ]


def test_each_person_reports_for_themselves(run: Run, world: World, say: Say) -> None:
    message_id, carol = say(), run(make_user, "carol")
    report(run, world, message_id)
    run(report_message, actor=Actor(carol.pk), name="lobby", message_id=message_id, reason="")
    run(report_user, actor=Actor(carol.pk), username="alice", reason="")
    run(report_user, actor=bob(world), username="alice", reason="")
    assert run(Report.objects.count) == 4


def test_of_reports_at_once_one_is_stored_and_none_is_refused(
    run: Run, world: World, say: Say, writers: Writers
) -> None:
    message_id, several = say(), [writers() for _ in range(4)]
    fields = {"actor": bob(world), "name": "lobby", "message_id": message_id, "reason": ""}
    for _ in range(5):
        at_once(*[lambda writer=writer: writer.run(report_message, **fields) for writer in several])
        assert run(Report.objects.count) == 1
        run(Report.objects.all().delete)


def test_the_filter_reports_a_message_once(run: Run, world: World, say: Say) -> None:
    stored = run(storage.message, message_id=int(say("a bad word")))
    for _ in range(2):
        run(report_by_filter, message=stored, phrase="bad word")
    kept = only(run)
    assert (kept.kind, kept.reporter_id, kept.reason, kept.content) == ("filter", None, "bad word", "a bad word")
    report(run, world, str(stored.id))
    assert run(Report.objects.count) == 2


# --- The project's code -----------------------------------------------------------------------------------------------
def test_a_project_is_sent_each_new_report_after_its_commit(run: Run, world: World, say: Say) -> None:
    heard: list[tuple[Any, bool]] = []

    def listen(report: Report, **_: Any) -> None:
        heard.append((report.content, connection.in_atomic_block))

    signals.report_made.connect(listen)
    try:
        message_id = say()
        report(run, world, message_id)
        report(run, world, message_id)
    finally:
        signals.report_made.disconnect(listen)
    assert heard == [("rude", False)]


# --- The moderators' work ---------------------------------------------------------------------------------------------
def test_a_change_of_state_is_noted_with_who_made_it(run: Run, world: World, say: Say) -> None:
    report(run, world, say())
    admin = run(make_user, "admin")
    actor, key = Actor(admin.pk, ("user", "admin"), "admin", "admin"), only(run).pk
    assert [run(set_state, actor=actor, report_id=key, state="resolved") for _ in range(2)] == [True, False]
    run(set_note, actor=actor, report_id=key, note="Talked to alice")
    kept = only(run)
    assert (kept.state, kept.handled_by_id, kept.note) == ("resolved", admin.pk, "Talked to alice")
    assert kept.settled_at is not None
    entries = run(
        lambda: list(AuditEntry.objects.order_by("pk").values("action", "actor_name", "room_name", "details"))
    )
    assert [entry["action"] for entry in entries] == ["report-resolved", "report-note"]
    assert entries[0] | {"action": ""} == {
        "action": "", "actor_name": "admin", "room_name": "lobby", "details": {"report": key},
    }  # fmt: skip


def test_the_audit_log_does_not_say_who_reported(run: Run, world: World, say: Say) -> None:
    report(run, world, say())
    run(set_state, actor=Actor(None), report_id=only(run).pk, state="resolved")
    entry = run(AuditEntry.objects.get)
    assert (entry.target_id, entry.target_name) == (world.alice.pk, "alice")
    assert "bob" not in str(vars(entry))


def test_a_settled_report_is_opened_again_unless_the_same_was_reported_again(run: Run, world: World, say: Say) -> None:
    message_id = say()
    report(run, world, message_id)
    key = only(run).pk
    run(set_state, actor=Actor(None), report_id=key, state="dismissed")
    assert run(set_state, actor=Actor(None), report_id=key, state="open")
    assert only(run).settled_at is None
    run(set_state, actor=Actor(None), report_id=key, state="dismissed")
    report(run, world, message_id)
    with pytest.raises(Conflict):
        run(set_state, actor=Actor(None), report_id=key, state="open")
    assert run(lambda: Report.objects.get(pk=key).state) == "dismissed"


def test_the_open_reports_are_counted(run: Run, world: World, say: Say) -> None:
    for content in ("one", "two"):
        report(run, world, say(content))
    run(set_state, actor=Actor(None), report_id=run(Report.objects.first).pk, state="reviewing")
    assert run(open_count) == 1


# --- Retention --------------------------------------------------------------------------------------------------------
def test_only_what_was_settled_long_ago_is_deleted(
    run: Run, world: World, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rooms.services.reports.ROWS", 2)
    now = timezone.now()
    for days in (400, 11, 11, 11, 9):
        report(run, world, say(str(days)))
    keys = run(lambda: list(Report.objects.order_by("pk").values_list("pk", flat=True)))

    def settle() -> None:
        for key, days in zip(keys[1:], (11, 11, 11, 9), strict=True):
            Report.objects.filter(pk=key).update(state="resolved", settled_at=now - timedelta(days=days))
        Report.objects.filter(pk=keys[0]).update(created_at=now - timedelta(days=400))

    run(settle)
    assert run(outdated, days=10) == 3
    assert run(lambda: list(prune(days=10))) == [2, 1]
    assert run(lambda: list(Report.objects.order_by("pk").values_list("content", flat=True))) == ["400", "9"]
