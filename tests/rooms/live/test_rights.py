"""Authorization of open connections: changes are found by the bus or by polling, and each leads to one re-check."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from time import time
from typing import Any

import pytest
from django.db.models.functions import Now

from accounts import services as accounts
from accounts.models import User
from rooms import callers, database
from rooms.callers import Identity
from rooms.live import rights as rights_module
from rooms.live.connection import Connection
from rooms.live.rights import LATE_COMMIT_S, Rights
from rooms.models import RightsChange
from rooms.services import rights as rights_service
from tests.support.factories import make_access

pytestmark = pytest.mark.django_db(transaction=True)


class Checked:
    """Rights over some connections, a clock that moves when told, and the connections that were re-checked."""

    def __init__(self) -> None:
        self.connections: dict[str, Connection] = {}
        self.names: list[str] = []
        self.now = 0.0
        self.rights = Rights(self.connections, lambda one: self.names.append(one.address), lambda: self.now)

    def connect(self, name: str, user_id: int | None, *room_ids: int) -> None:
        connection = Connection(_send, limit_bytes=0, on_cut=lambda: None, address=name)
        connection.identity = user_id and Identity(user_id, name, ("user",))
        connection.rooms = {f"room-{room_id}": make_access(room_id) for room_id in room_ids}
        self.connections[name] = connection

    async def polled(self) -> list[str]:
        """What a poll finds, five seconds after the one before."""
        self.now += 5
        self.names.clear()
        await self.rights.poll()
        return list(self.names)


async def _send(event: dict[str, Any]) -> None:
    raise AssertionError(event)


@pytest.fixture
async def checked() -> Checked:
    return Checked()


async def test_all_connections_of_a_changed_user_are_rechecked(checked: Checked) -> None:
    for name, user_id in (("alice", 1), ("bob", 2), ("alice's phone", 1), ("nobody yet", None)):
        checked.connect(name, user_id)
    checked.rights.recheck_users(["1", "5"])
    assert checked.names == ["alice", "alice's phone"]


async def test_all_members_of_a_changed_room_are_rechecked(checked: Checked) -> None:
    for name, rooms in (("alice", (7, 8)), ("bob", (8,)), ("carol", (7,)), ("dave", ())):
        checked.connect(name, 1, *rooms)
    checked.rights.recheck_rooms([7])
    assert checked.names == ["alice", "carol"]


async def test_every_change_of_a_users_rights_is_counted(checked: Checked) -> None:
    before = checked.rights.changes
    checked.rights.recheck_users([])
    checked.rights.recheck_rooms([7])
    assert checked.rights.changes == before
    checked.rights.recheck_users([1])
    assert checked.rights.changes == before + 1


# --- Callers with a token ---------------------------------------------------------------------------------------------
class Tokens:
    """Stands for rooms.callers: counts how often a token is read."""

    def __init__(self, expires_at: float) -> None:
        self.read: list[str] = []
        self.expires_at = expires_at
        self.meanwhile: Callable[[], None] = lambda: None

    def by_token(self, token: str) -> Identity:
        self.read.append(token)
        self.meanwhile()
        return Identity(1, "alice", ("user",), expires_at=self.expires_at)


@pytest.mark.parametrize(
    ("expires_in_s", "change", "times"),
    [
        (60, lambda rights: None, 1),
        (60, lambda rights: rights.recheck_users([2]), 1),
        (60, lambda rights: rights.recheck_users([1]), 2),
        (-1, lambda rights: None, 2),
    ],
    ids=["nothing", "another user's rights", "their rights", "it has expired"],
)
async def test_a_token_is_read_again_when_something_changed(
    checked: Checked, monkeypatch: pytest.MonkeyPatch, expires_in_s: float, change: Callable[[Rights], None], times: int
) -> None:
    tokens = Tokens(time() + expires_in_s)
    monkeypatch.setattr(callers, "by_token", tokens.by_token)
    assert (await checked.rights.identify("t", "")).username == "alice"
    change(checked.rights)
    await checked.rights.identify("t", "")
    assert tokens.read == ["t"] * times


async def test_a_token_that_was_read_while_rights_changed_is_not_remembered(
    checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = Tokens(time() + 60)
    tokens.meanwhile = lambda: checked.rights.recheck_users([1])
    monkeypatch.setattr(callers, "by_token", tokens.by_token)
    for _ in range(2):
        await checked.rights.identify("t", "")
    assert tokens.read == ["t", "t"]


async def test_a_bounded_number_of_tokens_is_remembered(checked: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens(time() + 60)
    monkeypatch.setattr(callers, "by_token", tokens.by_token)
    monkeypatch.setattr(rights_module, "CALLERS", 2)
    for token in "abcca":
        await checked.rights.identify(token, "")
    assert tokens.read == ["a", "b", "c", "a"]


# --- Polling ----------------------------------------------------------------------------------------------------------
async def test_a_change_that_no_event_announced_is_found_once(
    checked: Checked, make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await asyncio.to_thread(make_user, "alice")
    checked.connect("alice", alice.pk)
    assert await checked.polled() == []
    await asyncio.to_thread(accounts.sign_out_everywhere, user_ids=[alice.pk])
    assert await checked.polled() == ["alice"]
    assert await checked.polled() == []
    await asyncio.to_thread(accounts.sign_out_everywhere, user_ids=[alice.pk])
    assert await checked.polled() == ["alice"]


@pytest.mark.parametrize(("age_s", "found"), [(LATE_COMMIT_S - 1, ["alice"]), (LATE_COMMIT_S + 60, [])])
async def test_a_change_that_was_committed_late_is_found(
    checked: Checked, make_user: Callable[..., User], age_s: float, found: list[str]
) -> None:
    """Its note bears the time of its statement: before polls that could not see it yet."""
    alice = await asyncio.to_thread(make_user, "alice")
    checked.connect("alice", alice.pk)
    for _ in range(3):
        assert await checked.polled() == []
    note = RightsChange(user_key=str(alice.pk), at=Now() - timedelta(seconds=age_s))
    await database.call(note.save)
    assert await checked.polled() == found
    assert await checked.polled() == []


async def test_a_poll_that_failed_is_made_up_for_by_the_next(
    checked: Checked, make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await asyncio.to_thread(make_user, "alice")
    checked.connect("alice", alice.pk)
    await checked.polled()

    def fail(**_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(rights_service, "changes", fail)
        for _ in range(20):
            with pytest.raises(RuntimeError):
                await checked.polled()
    await database.call(RightsChange(user_key=str(alice.pk), at=Now() - timedelta(seconds=90)).save)
    assert await checked.polled() == ["alice"]
