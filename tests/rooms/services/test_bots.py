"""Bots and their tokens: made, given rooms, rotated, revoked; each noted, and acting on what is open."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings
from django.utils import timezone

from rooms import bot_tokens
from rooms.callers import CODE, Actor
from rooms.errors import AuthExpired, AuthRequired, BadFrame, Conflict
from rooms.models import AuditEntry, Bot, BotToken
from rooms.services import bots
from tests.support.factories import make_room, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def bot() -> Bot:
    return bots.create(actor=CODE, name="deploys")


def test_a_bot_is_a_user_who_signs_in_by_no_password() -> None:
    owner = make_user("alice")
    made = bots.create(actor=Actor(owner.pk), name="deploys", owner_id=owner.pk)
    assert (made.user.username, made.owner, made.active, made.may_mention) == ("deploys", owner, True, False)
    assert not made.user.has_usable_password()
    adopted = bots.adopt(actor=CODE, user=make_user("old", password="known"))
    assert not adopted.user.check_password("known")
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["create-bot"] * 2


@pytest.mark.parametrize(("name", "error"), [("alice", (Conflict, BadFrame)), ("a b", BadFrame), ("", BadFrame)])
def test_a_name_that_no_user_can_have_makes_no_bot(name: str, error: Any) -> None:
    make_user("alice")
    with pytest.raises(error):
        bots.create(actor=CODE, name=name)
    assert not Bot.objects.exists()


def test_a_bot_is_made_of_a_user_once(bot: Bot) -> None:
    with pytest.raises(Conflict):
        bots.adopt(actor=CODE, user=bot.user)


def test_of_a_token_only_the_hash_is_kept(bot: Bot) -> None:
    token, text = bots.issue(actor=CODE, bot=bot)
    row = BotToken.objects.values().get()
    assert text not in str(row)
    assert text.startswith(token.beginning)
    assert len(token.beginning) < len(text) / 4
    assert bot_tokens.read(text).bot == bot
    with pytest.raises(AuthRequired):
        bot_tokens.read(f"{text}x")


def test_a_token_opens_the_rooms_it_names_or_all_of_its_bot(bot: Bot) -> None:
    room = make_room("lobby")
    assert bot_tokens.read(bots.issue(actor=CODE, bot=bot, rooms=[room]).text).scope.rooms == {room.pk}
    assert bot_tokens.read(bots.issue(actor=CODE, bot=bot, rooms=[]).text).scope.rooms == frozenset()
    assert bot_tokens.read(bots.issue(actor=CODE, bot=bot).text).scope.rooms is None


def test_a_token_whose_last_room_is_deleted_opens_none(bot: Bot) -> None:
    room = make_room("lobby")
    text = bots.issue(actor=CODE, bot=bot, rooms=[room]).text
    room.delete()
    assert bot_tokens.read(text).scope.rooms == frozenset()


def test_after_a_rotation_both_are_valid_for_a_while(bot: Bot, settings: LazySettings) -> None:
    settings.CHAT_TOKEN_OVERLAP_HOURS = 2
    room = make_room("lobby")
    with time_machine.travel(timezone.now(), tick=False) as clock:
        old = bots.issue(actor=CODE, bot=bot, rooms=[room])
        new = bots.rotate(actor=CODE, token=old.token)
        assert bot_tokens.read(old.text).scope == bot_tokens.read(new.text).scope
        clock.shift(timedelta(hours=2))
        with pytest.raises(AuthExpired):
            bot_tokens.read(old.text)
        assert bot_tokens.read(new.text).expires_at is None


def test_a_rotation_makes_no_token_valid_for_longer(bot: Bot) -> None:
    end = timezone.now() + timedelta(hours=1)
    old = bots.issue(actor=CODE, bot=bot, expires_at=end)
    bots.rotate(actor=CODE, token=old.token)
    assert bot_tokens.read(old.text).expires_at == end.timestamp()


def test_a_token_that_has_ended_is_not_rotated(bot: Bot) -> None:
    old = bots.issue(actor=CODE, bot=bot)
    bots.revoke(actor=CODE, token=old.token)
    with pytest.raises(Conflict):
        bots.rotate(actor=CODE, token=old.token)
    assert BotToken.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_ends_a_token_is_noted_and_announced_once(announced: list[list[str]]) -> None:
    bot = bots.create(actor=CODE, name="deploys")
    token, text = bots.issue(actor=CODE, bot=bot)
    announced.clear()
    for _ in range(2):
        bots.revoke(actor=CODE, token=token)
        bots.set_active(actor=CODE, bot=bot, on=False)
    bots.set_rooms(actor=CODE, token=token, rooms=[make_room("lobby")])
    assert announced == [[str(bot.pk)]] * 3
    with pytest.raises(AuthRequired):
        bot_tokens.read(text)
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions)[-3:] == ["revoke-token", "stop-bot", "scope-token"]
    assert text not in str(list(AuditEntry.objects.values()))


def test_a_bot_that_is_switched_off_comes_in_by_no_token(bot: Bot) -> None:
    text = bots.issue(actor=CODE, bot=bot).text
    bots.set_active(actor=CODE, bot=bot, on=False)
    with pytest.raises(AuthRequired, match="switched off"):
        bot_tokens.read(text)
    bots.set_active(actor=CODE, bot=bot, on=True)
    assert bot_tokens.read(text).bot == bot


def test_the_last_use_is_written_once_an_hour(bot: Bot, django_assert_num_queries: Any) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        token, text = bots.issue(actor=CODE, bot=bot)
        bot_tokens.read(text)
        with django_assert_num_queries(1):  # the token with its bot and user
            bot_tokens.read(text)
        clock.shift(timedelta(hours=1, seconds=1))
        bot_tokens.read(text)
        token.refresh_from_db()
        assert token.used_at == timezone.now()
