"""Rights that changed: noted in the transaction, announced once after its commit."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from rooms.live import control, topics
from rooms.live.control import UsersChanged
from rooms.live.events import Event
from rooms.models import RightsChange
from rooms.services.rights import announce, changes
from tests.support.machine import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def noted() -> set[str]:
    return {key for key, _ in changes(within_s=60)}


def test_a_change_is_published_once_with_all_users_and_their_keys_as_text(published: list[Event]) -> None:
    announce([20, 7, 20, "8c5b", 7])
    [event] = published
    assert (event.topic, control.decode(event.payload)) == (topics.CONTROL, UsersChanged(["20", "7", "8c5b"]))


def test_a_change_is_noted_in_its_transaction_and_announced_after_it(announced: list[list[str]]) -> None:
    with transaction.atomic():
        announce([7])
        assert noted() == {"7"}
        assert announced == []
    assert announced == [["7"]]


def test_a_change_that_is_rolled_back_is_neither_noted_nor_announced(announced: list[list[str]]) -> None:
    with transaction.atomic():
        announce([7])
        transaction.set_rollback(True)
    assert (noted(), announced) == (set(), [])


def test_nobodys_change_takes_no_statement(announced: list[list[str]], django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        announce([])
    assert announced == []


def test_a_publisher_that_fails_harms_neither_the_change_nor_what_else_follows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    followed: list[str] = []

    def fail(_events: list[Event]) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("rooms.services.publishing.publish", fail)
    with transaction.atomic():
        announce([7])
        transaction.on_commit(lambda: followed.append("the next"))
    assert (noted(), followed) == ({"7"}, ["the next"])


def test_notes_are_written_in_one_order_so_that_two_changes_never_wait_for_each_other() -> None:
    with CaptureQueriesContext(connection) as statements:
        announce([30, 10, 200, 10])
    [insert] = [statement["sql"] for statement in statements if "INSERT" in statement["sql"]]
    assert re.findall(r"\('(\d+)', ", insert) == ["10", "200", "30"]


def test_a_user_has_one_note_with_the_time_of_the_last_change() -> None:
    RightsChange.objects.create(user_key="7", at=Now() - timedelta(seconds=40))
    [(key, first)] = changes(within_s=60)
    announce([7])
    [(again, last)] = changes(within_s=60)
    assert (key, again) == ("7", "7")
    assert timedelta(seconds=35) < last - first < timedelta(seconds=60)


def test_two_changes_of_a_user_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    announce([7])
    first = changes(within_s=60)

    def changed_again() -> bool:
        announce([7])
        return changes(within_s=60) != first

    wait_until(changed_again, what="the database's clock has gone on")


def test_older_changes_are_left_out_by_the_databases_clock() -> None:
    for key, age_s in (("old", 61), ("new", 55)):
        RightsChange.objects.create(user_key=key, at=Now() - timedelta(seconds=age_s))
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        assert noted() == {"new"}
