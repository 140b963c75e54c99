"""Bans from the whole chat, and ending all connections: who may, what is stored, who is informed."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from rooms import callers
from rooms.callers import CODE, Actor
from rooms.errors import Banned, Disconnected, Forbidden, NoSuchUser
from rooms.models import AuditEntry, ServerBan
from rooms.services import server_bans
from tests.support.connections import identity_of
from tests.support.factories import find_permission
from tests.support.rooms import from_now

pytestmark = pytest.mark.django_db(transaction=True)


def admin(people: SimpleNamespace) -> Actor:
    return callers.actor(people.admin, "rest")


def test_a_banned_user_is_refused_with_the_reason_until_the_ban_ends(
    people: SimpleNamespace, announced: list[list[str]]
) -> None:
    given = {"actor": admin(people), "user_id": people.bob.pk}
    server_bans.ban_from_server(**given, until=from_now(1), reason="spam")
    with pytest.raises(Banned, match="banned from the chat: spam"):
        callers.check_ban(people.bob.pk)
    ServerBan.objects.update(until=from_now(-1))
    callers.check_ban(people.bob.pk)
    server_bans.ban_from_server(**given)
    server_bans.unban_from_server(**given)
    callers.check_ban(people.bob.pk)
    assert announced == [[str(people.bob.pk)]] * 3
    acts = AuditEntry.objects.order_by("pk").values_list("action", "actor_name", "target_name", "reason", "door")
    assert list(acts) == [
        ("ban-from-chat", "admin", "bob", "spam", "rest"),
        ("ban-from-chat", "admin", "bob", "", "rest"),
        ("unban-from-chat", "admin", "bob", "", "rest"),
    ]


def test_whoever_was_connected_before_is_disconnected_and_may_come_back(people: SimpleNamespace) -> None:
    identity = identity_of(people.bob)
    callers.refreshed(identity)
    server_bans.disconnect(actor=admin(people), user_id=people.bob.pk)
    state = callers.check_ban(people.bob.pk)
    assert state == 1, "who signs in now has this number, and keeps the connection"
    assert AuditEntry.objects.get().action == "disconnect"


@pytest.mark.parametrize("act", [server_bans.ban_from_server, server_bans.disconnect])
def test_nobody_acts_on_an_admin_a_moderator_or_themselves(people: SimpleNamespace, act: Any) -> None:
    people.carol.user_permissions.add(find_permission(callers.MODERATE))
    moderator = callers.actor(type(people.carol).objects.get(pk=people.carol.pk), "admin")
    for actor, target in ((moderator, people.admin), (moderator, people.carol), (admin(people), people.admin)):
        with pytest.raises(Forbidden):
            act(actor=actor, user_id=target.pk)
    act(actor=admin(people), user_id=people.carol.pk)
    act(actor=CODE, user_id=people.admin.pk)
    with pytest.raises(NoSuchUser):
        act(actor=CODE, user_id=99_999)


def test_a_session_or_token_read_again_after_a_disconnection_is_at_its_end(people: SimpleNamespace) -> None:
    client = Client()
    client.force_login(people.bob)
    key = client.cookies["sessionid"].value
    before = callers.by_session(key)
    assert before is not None
    server_bans.disconnect(actor=CODE, user_id=people.bob.pk)
    with pytest.raises(Disconnected):
        callers.refreshed(before)
    again = callers.by_session(key)
    assert again is not None
    assert callers.refreshed(again) == again
