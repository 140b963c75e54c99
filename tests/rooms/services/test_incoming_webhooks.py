"""Incoming webhooks: who makes them, which secrets are good, and what their messages are."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.utils import timezone

from rooms.callers import CODE, Actor
from rooms.errors import (
    AuthRequired,
    BadFrame,
    Banned,
    ChatError,
    Conflict,
    Forbidden,
    Locked,
    NoSuchRoom,
    NoSuchUser,
    NoSuchWebhook,
)
from rooms.models import AuditEntry, Bot, IncomingWebhook, Membership, Message, Room
from rooms.services import bots, incoming_webhooks, posting
from rooms.services.incoming_webhooks import Created
from rooms.storage import NewMessage
from tests.support.factories import make_room, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world() -> SimpleNamespace:
    room, owner, member = make_room("lobby", kind="private"), make_user("owner"), make_user("member")
    Membership.objects.create(room=room, user=owner, role="owner")
    Membership.objects.create(room=room, user=member)
    return SimpleNamespace(room=room, owner=Actor(owner.pk, door="rest"), member=Actor(member.pk), user=owner)


def create(world: SimpleNamespace, title: str = "deploys", **fields: Any) -> Created:
    return incoming_webhooks.create(actor=world.owner, name="lobby", title=title, **fields)


def test_a_webhook_has_a_bot_of_its_own_or_one_of_its_makers(world: SimpleNamespace) -> None:
    webhook, secret = create(world)
    assert webhook.bot.user.username == "deploys"
    assert webhook.bot.owner_id == world.owner.user_id
    assert Membership.objects.get(user=webhook.bot.user).role == "member"
    assert secret not in str(IncomingWebhook.objects.values().get())
    assert create(world, "second", bot_name="deploys").webhook.bot == webhook.bot
    entry = AuditEntry.objects.filter(action="create-webhook").first()
    assert (entry.door, entry.room_name, entry.is_private) == ("rest", "lobby", True)
    assert secret not in str(list(AuditEntry.objects.values()))


def test_nobody_speaks_by_a_bot_of_somebody_else(world: SimpleNamespace) -> None:
    bots.create(actor=CODE, name="others", owner_id=make_user().pk)
    bots.create(actor=CODE, name="nobodys")
    for name in ("others", "nobodys", "owner", "unknown"):
        with pytest.raises(NoSuchUser):
            create(world, bot_name=name)
    assert not IncomingWebhook.objects.exists()


def test_a_title_that_is_taken_leaves_nothing_behind(world: SimpleNamespace) -> None:
    with pytest.raises((Conflict, BadFrame)):
        create(world, "owner")
    assert not Bot.objects.exists()
    assert not IncomingWebhook.objects.exists()


def test_a_room_has_a_number_of_them(world: SimpleNamespace, settings: LazySettings) -> None:
    settings.CHAT_MAX_WEBHOOKS = 1
    create(world)
    with pytest.raises(Conflict):
        create(world, "second")
    settings.CHAT_MAX_WEBHOOKS = 0
    create(world, "second")


def test_a_direct_room_has_none(world: SimpleNamespace) -> None:
    Room.objects.update(kind="direct")
    with pytest.raises(Forbidden):
        create(world)


MANAGED: dict[str, Callable[[Actor, str, int], object]] = {
    "create": lambda actor, name, _: incoming_webhooks.create(actor=actor, name=name, title="mine"),
    "list": lambda actor, name, _: incoming_webhooks.of_room(actor=actor, name=name),
    "rotate": lambda actor, name, key: incoming_webhooks.rotate(actor=actor, name=name, webhook_id=key),
    "delete": lambda actor, name, key: incoming_webhooks.delete(actor=actor, name=name, webhook_id=key),
}


@pytest.mark.parametrize("act", MANAGED)
def test_only_moderators_of_its_room_manage_it(world: SimpleNamespace, act: str) -> None:
    webhook = create(world).webhook
    for actor, error in ((world.member, Forbidden), (Actor(make_user().pk), NoSuchRoom)):
        with pytest.raises(error):
            MANAGED[act](actor, "lobby", webhook.pk)
    MANAGED[act](world.owner, "lobby", webhook.pk)


@pytest.mark.parametrize("act", ["rotate", "delete"])
def test_that_of_another_room_is_not_found(world: SimpleNamespace, act: str) -> None:
    webhook, other = create(world).webhook, make_room("other")
    Membership.objects.create(room=other, user=world.user, role="owner")
    with pytest.raises(NoSuchWebhook):
        MANAGED[act](world.owner, "other", webhook.pk)


WRONG: dict[str, Callable[[Created], tuple[int, str]]] = {
    "another secret": lambda made: (made.webhook.pk, f"{made.secret}x"),
    "no secret": lambda made: (made.webhook.pk, ""),
    "another webhook": lambda made: (made.webhook.pk + 1, made.secret),
    "the hash": lambda made: (made.webhook.pk, made.webhook.secret_hash),
    "switched off": lambda made: _off(made, webhook=made.webhook),
    "its bot is switched off": lambda made: _off(made, bot=made.webhook.bot),
    "deleted": lambda made: ((made.webhook.delete()[0] and made.webhook.pk) or 1, made.secret),
}


def _off(made: Created, **what: Any) -> tuple[int, str]:
    service: Any = bots if "bot" in what else incoming_webhooks
    service.set_active(actor=CODE, on=False, **what)
    return made.webhook.pk, made.secret


@pytest.mark.parametrize("why", WRONG)
def test_whatever_is_wrong_the_answer_is_the_same(world: SimpleNamespace, why: str) -> None:
    made = create(world)
    assert incoming_webhooks.identify(webhook_id=made.webhook.pk, secret=made.secret).pk == made.webhook.pk
    webhook_id, secret = WRONG[why](made)
    with pytest.raises(AuthRequired, match=r"^No webhook has this address and secret$"):
        incoming_webhooks.identify(webhook_id=webhook_id, secret=secret)


def test_after_a_rotation_both_secrets_are_good_for_a_while(world: SimpleNamespace) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        webhook, old = create(world)
        new = incoming_webhooks.rotate(actor=world.owner, name="lobby", webhook_id=webhook.pk).secret
        newest = incoming_webhooks.rotate_as_staff(actor=CODE, webhook=webhook).secret

        def good() -> list[bool]:
            return [_is_good(webhook, secret) for secret in (old, new, newest)]

        assert good() == [False, True, True]
        clock.shift(timedelta(hours=24))
        assert good() == [False, False, True]


def _is_good(webhook: IncomingWebhook, secret: str) -> bool:
    try:
        incoming_webhooks.identify(webhook_id=webhook.pk, secret=secret)
    except AuthRequired:
        return False
    return True


def test_its_message_is_a_bots_and_mentions_nobody_unless_it_may(
    world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[NewMessage] = []
    store = posting.store_messages
    monkeypatch.setattr(posting, "store_messages", lambda new, **more: seen.extend(new) or store(new, **more))
    for title, may in (("quiet", False), ("loud", True)):
        webhook = create(world, title, may_mention=may).webhook
        message = incoming_webhooks.post(webhook=webhook, content="Hello @member", client_id="1")
        assert (message.bot, message.username) == (True, title)
        again = incoming_webhooks.post(webhook=webhook, content="Hello @member", client_id="1")
        assert again.id == message.id
    assert [new.bot_mentions for new in seen] == [False, False, True, True]
    assert list(Message.objects.order_by("pk").values_list("mention_count", flat=True)) == [0, 1]
    assert set(Message.objects.values_list("bot", flat=True)) == {True}


REFUSED: dict[str, tuple[type[ChatError], Callable[[SimpleNamespace, Bot], object]]] = {
    "banned": (Banned, lambda world, bot: _member(bot, banned_until=timezone.now() + timedelta(hours=1))),
    "removed": (NoSuchRoom, lambda world, bot: _member(bot, role="none")),
    "locked": (Locked, lambda world, bot: Room.objects.update(locked=True)),
    "closed": (Forbidden, lambda world, bot: Room.objects.update(closed_at=timezone.now())),
}


def _member(bot: Bot, **fields: Any) -> None:
    Membership.objects.filter(user=bot.user).update(**fields)


@pytest.mark.parametrize("why", REFUSED)
def test_its_bot_is_held_to_the_rules_of_the_room(world: SimpleNamespace, why: str) -> None:
    webhook = create(world).webhook
    incoming_webhooks.post(webhook=webhook, content="before")
    error, change = REFUSED[why]
    change(world, webhook.bot)
    with pytest.raises(error):
        incoming_webhooks.post(webhook=webhook, content="after")


def test_its_messages_and_their_author_outlive_it(world: SimpleNamespace) -> None:
    webhook = create(world).webhook
    incoming_webhooks.post(webhook=webhook, content="hello")
    incoming_webhooks.delete(actor=world.owner, name="lobby", webhook_id=webhook.pk)
    assert Message.objects.get().author.username == "deploys"


def test_knowing_a_webhook_takes_one_query(world: SimpleNamespace, django_assert_num_queries: Any) -> None:
    webhook, secret = create(world)
    incoming_webhooks.identify(webhook_id=webhook.pk, secret=secret)  # notes the use
    with django_assert_num_queries(1):
        incoming_webhooks.identify(webhook_id=webhook.pk, secret=secret)
