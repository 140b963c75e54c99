"""Bots and tokens in the admin: a token is shown once, to those who may, and everything goes through the services."""

from typing import Any

import pytest
from django.test import Client

from rooms import bot_tokens
from rooms.callers import CODE
from rooms.errors import AuthRequired
from rooms.models import AuditEntry, Bot, BotToken
from rooms.services import bots
from tests.rooms.admin.conftest import Act, Staff
from tests.support.factories import make_room, make_user

pytestmark = pytest.mark.django_db
BOTS, TOKENS = "/admin/chat_rooms/bot/", "/admin/chat_rooms/bottoken/"


@pytest.fixture
def client(staff: Staff) -> Client:
    kinds = ("bot", "bottoken")
    return staff("see_private", *(f"{verb}_{kind}" for verb in ("view", "add", "change") for kind in kinds))


def shown(answer: Any) -> str:
    page: str = answer.content.decode()
    assert answer.status_code == 200, page
    assert "no-store" in answer.headers["Cache-Control"]
    return page.partition('<code id="secret">')[2].partition("</code>")[0]


def test_a_bot_is_made_by_a_name_and_switched_off(client: Client) -> None:
    client.post(f"{BOTS}add/", {"name": "deploys", "owner": make_user("owner").pk, "may_mention": "on"})
    bot = Bot.objects.get()
    assert (bot.user.username, bot.owner.username, bot.may_mention, bot.active) == ("deploys", "owner", True, True)
    assert not bot.user.has_usable_password()
    client.post(f"{BOTS}{bot.pk}/change/", {})
    bot.refresh_from_db()
    assert (bot.may_mention, bot.active) == (False, False)
    doors = set(AuditEntry.objects.values_list("door", flat=True))
    assert doors == {"admin"}
    assert client.get(BOTS).status_code == 200
    assert client.post(f"{BOTS}{bot.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("name", ["", "a b", "taken", "x" * 151])
def test_a_name_that_no_user_can_have_is_an_error_of_the_form(client: Client, name: str) -> None:
    make_user("taken")
    answer = client.post(f"{BOTS}add/", {"name": name})
    assert (answer.status_code, "errorlist" in answer.content.decode()) == (200, True)
    assert not Bot.objects.exists()


def test_a_token_is_shown_once(client: Client) -> None:
    bot, room = bots.create(actor=CODE, name="deploys"), make_room("lobby")
    text = shown(client.post(f"{TOKENS}add/", {"bot": bot.pk, "rooms": [room.pk]}))
    assert bot_tokens.read(text).scope.rooms == {room.pk}
    everything = shown(client.post(f"{TOKENS}add/", {"bot": bot.pk, "all_rooms": "on"}))
    assert bot_tokens.read(everything).scope.rooms is None
    for path in (TOKENS, f"{TOKENS}{BotToken.objects.first().pk}/change/"):
        page = client.get(path)
        assert page.status_code == 200
        assert text not in page.content.decode()
        assert bot_tokens.hashed(text) not in page.content.decode()


def test_a_token_is_replaced_and_revoked_by_those_who_may(client: Client, staff: Staff, act: Act) -> None:
    bot = bots.create(actor=CODE, name="deploys")
    old = bots.issue(actor=CODE, bot=bot)
    act(staff("view_bottoken"), TOKENS, "revoke", old.token)
    new = shown(client.post(TOKENS, {"action": "rotate", "_selected_action": [old.token.pk]}))
    assert {bot_tokens.read(text).bot for text in (old.text, new)} == {bot}
    assert "1 token was revoked." in act(client, TOKENS, "revoke", old.token)
    with pytest.raises(AuthRequired):
        bot_tokens.read(old.text)
    assert "not valid any more" in act(client, TOKENS, "rotate", old.token)
    assert "Select one." in act(client, TOKENS, "rotate", *BotToken.objects.all())


def test_who_may_not_see_a_room_opens_it_to_no_bot(staff: Staff) -> None:
    bot, private = bots.create(actor=CODE, name="deploys"), make_room("private", kind="private")
    client = staff("add_bottoken", "view_bottoken", "view_bot")
    answer = client.post(f"{TOKENS}add/", {"bot": bot.pk, "rooms": [private.pk]})
    assert "errorlist" in answer.content.decode()
    assert not BotToken.objects.exists()


@pytest.mark.parametrize("kind", ["all rooms", "a private room"])
def test_who_may_not_see_private_rooms_gets_no_token_that_opens_them(staff: Staff, kind: str) -> None:
    """Neither a new one, nor in place of another, nor is shown what it opens; a bot of private rooms reads them."""
    bot, private = bots.create(actor=CODE, name="deploys"), make_room("secret-plans", kind="private")
    old = bots.issue(actor=CODE, bot=bot, rooms=None if kind == "all rooms" else [private]).token
    client = staff(*(f"{verb}_bottoken" for verb in ("view", "add", "change")), "view_bot")
    client.post(f"{TOKENS}add/", {"bot": bot.pk, "all_rooms": "on"})
    client.post(TOKENS, {"action": "rotate", "_selected_action": [old.pk]})
    assert not BotToken.objects.exclude(pk=old.pk).filter(all_rooms=True).exists()
    assert not BotToken.objects.exclude(pk=old.pk).filter(rooms=private).exists()
    assert old.beginning not in client.get(TOKENS).content.decode()
    assert private.name not in client.get(f"{TOKENS}{old.pk}/change/", follow=True).content.decode()


def test_tokens_of_public_rooms_are_for_all_staff_with_the_permission(staff: Staff) -> None:
    bot, room = bots.create(actor=CODE, name="deploys"), make_room("lobby")
    client = staff(*(f"{verb}_bottoken" for verb in ("view", "add", "change")), "view_bot")
    text = shown(client.post(f"{TOKENS}add/", {"bot": bot.pk, "rooms": [room.pk]}))
    new = shown(client.post(TOKENS, {"action": "rotate", "_selected_action": [BotToken.objects.get().pk]}))
    assert [bot_tokens.read(one).scope.rooms for one in (text, new)] == [{room.pk}] * 2
