"""`manage.py prune_history`: its options, what it deletes, and what it prints."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from rooms.models import Attachment, Message, MessageVersion, Report
from rooms.services.changes import edit_message
from tests.support.factories import make_message, make_room
from tests.support.pictures import uploaded

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rooms(people) -> None:
    """Five messages in `lobby`, four in `中文`, two in `quiet`."""
    for name, count in (("lobby", 5), ("中文", 4), ("quiet", 2)):
        room = make_room(name)
        for _ in range(count):
            make_message(room, people.alice)


@pytest.fixture(autouse=True)
def limit(settings) -> None:
    settings.CHAT_HISTORY_LIMIT = 3


def prune_history(**options: Any) -> list[str]:
    out = StringIO()
    call_command("prune_history", stdout=out, **{"pause_ms": 0, **options})
    return out.getvalue().splitlines()


def left() -> list[int]:
    return [Message.objects.filter(room__name=name).count() for name in ("lobby", "中文", "quiet")]


def test_each_room_keeps_its_newest_messages_and_the_deleted_ones_are_counted() -> None:
    said = prune_history()
    assert left() == [3, 3, 2]
    assert said == ["lobby: 2", "中文: 1", "Messages deleted: 3, in rooms: 2. Kept in each: the newest 3."]


def test_a_second_run_finds_nothing() -> None:
    prune_history()
    assert prune_history() == ["Messages deleted: 0, in rooms: 0. Kept in each: the newest 3."]


def test_a_dry_run_prints_the_same_and_deletes_nothing() -> None:
    said = prune_history(dry_run=True)
    assert left() == [5, 4, 2]
    assert said == ["lobby: 2", "中文: 1", "Messages would be deleted: 3, in rooms: 2. Kept in each: the newest 3."]


def test_only_the_named_room_is_pruned() -> None:
    prune_history(room="中文")
    assert left() == [5, 3, 2]


def test_a_room_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(CommandError, match="There is no room 'nowhere'"):
        prune_history(room="nowhere")


def test_without_a_limit_every_message_is_kept(settings) -> None:
    settings.CHAT_HISTORY_LIMIT = 0
    assert prune_history() == ["CHAT_HISTORY_LIMIT is 0: every message is kept."]
    assert left() == [5, 4, 2]


def test_it_pauses_between_transactions(monkeypatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("rooms.management.commands.prune_history.time.sleep", pauses.append)
    prune_history(pause_ms=250)
    assert pauses == [0.25, 0.25]


# --- Reports ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def reports(people) -> None:
    """One that was settled 200 days ago, one of 100 days ago, and an open one."""
    now = timezone.now()
    for days in (200, 100):
        settled = {"state": "resolved", "settled_at": now - timedelta(days=days)}
        Report.objects.create(kind="user", reporter=people.alice, reported=people.bob, reason=str(days), **settled)
    Report.objects.create(kind="user", reporter=people.alice, reported=people.bob, reason="open")


def reasons() -> list[str]:
    return list(Report.objects.order_by("pk").values_list("reason", flat=True))


@pytest.mark.usefixtures("reports")
def test_reports_settled_long_ago_are_deleted_also_without_a_limit_of_messages(settings) -> None:
    settings.CHAT_HISTORY_LIMIT = 0
    assert prune_history(dry_run=True)[0] == "Reports would be deleted: 1, settled more than 180 days ago."
    assert reasons() == ["200", "100", "open"]
    assert prune_history()[0] == "Reports deleted: 1, settled more than 180 days ago."
    assert reasons() == ["100", "open"]


@pytest.mark.usefixtures("reports")
@pytest.mark.parametrize(("days", "left"), [(0, ["200", "100", "open"]), (50, ["open"])])
def test_how_long_reports_stay_is_a_setting(settings, days: int, left: list[str]) -> None:
    settings.CHAT_REPORT_DAYS = days
    prune_history()
    assert reasons() == left


@pytest.mark.usefixtures("reports")
def test_one_room_is_pruned_without_reports() -> None:
    prune_history(room="lobby")
    assert reasons() == ["200", "100", "open"]


# --- Earlier versions -------------------------------------------------------------------------------------------------
def test_earlier_versions_of_messages_are_deleted_after_some_days(settings) -> None:
    message = Message.objects.filter(room__name="quiet").first()
    edit_message(message_id=message.pk, content="new")
    MessageVersion.objects.update(replaced_at=timezone.now() - timedelta(days=100))
    settings.CHAT_EDIT_HISTORY_DAYS = 0
    prune_history()
    assert MessageVersion.objects.count() == 1
    settings.CHAT_EDIT_HISTORY_DAYS = 90
    dry, done = prune_history(dry_run=True)[0], prune_history()[0]
    assert dry == "Earlier versions of messages would be deleted: 1, replaced more than 90 days ago."
    assert done == "Earlier versions of messages deleted: 1, replaced more than 90 days ago."
    assert MessageVersion.objects.count() == 0


def test_files_without_a_message_go_with_what_was_pruned(people) -> None:
    for message in Message.objects.filter(room__name="lobby"):
        row = uploaded(people.alice)
        Attachment.objects.filter(pk=row.pk).update(message=message, attached_at=timezone.now())
    old = uploaded(people.alice)
    Attachment.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=25))
    assert prune_history(dry_run=True)[-1] == "Files would be deleted: 1, which no message has."
    assert prune_history(room="lobby")[-1] == "Files deleted: 3, which no message has."
    assert Attachment.objects.count() == 3
