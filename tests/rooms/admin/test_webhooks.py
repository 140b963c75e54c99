"""Webhooks in the admin: made with a secret that is shown once, tested, rotated, switched off and on, deleted."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from rooms import outbound
from rooms.callers import CODE
from rooms.models import AuditEntry, IncomingWebhook, OutgoingWebhook
from rooms.outbound import Outcome
from rooms.services import bots, incoming_webhooks
from tests.rooms.admin.conftest import Act, Staff
from tests.rooms.admin.test_bots import shown
from tests.support.factories import make_room

pytestmark = pytest.mark.django_db
INCOMING, OUTGOING = "/admin/chat_rooms/incomingwebhook/", "/admin/chat_rooms/outgoingwebhook/"
OUT = {"name": "receiver", "url": "https://example.com/hook", "posted": "on"}


@pytest.fixture
def client(staff: Staff) -> Client:
    kinds, verbs = ("incomingwebhook", "outgoingwebhook"), ("view", "add", "change", "delete")
    return staff("see_private", "view_room", "view_bot", *(f"{verb}_{kind}" for verb in verbs for kind in kinds))


def test_an_incoming_one_is_made_with_a_bot_and_its_secret_is_shown_once(client: Client) -> None:
    room = make_room("lobby", kind="private")
    secret = shown(client.post(f"{INCOMING}add/", {"room": room.pk, "name": "deploys", "bot": ""}))
    webhook = IncomingWebhook.objects.get()
    assert incoming_webhooks.identify(webhook_id=webhook.pk, secret=secret) == webhook
    assert (webhook.bot.user.username, webhook.may_mention) == ("deploys", False)
    for path in (INCOMING, f"{INCOMING}{webhook.pk}/change/"):
        page = client.get(path)
        assert (page.status_code, secret in page.content.decode()) == (200, False)


def test_an_incoming_one_is_switched_off_rotated_and_deleted(client: Client, act: Act) -> None:
    room, bot = make_room("lobby"), bots.create(actor=CODE, name="deploys")
    made = incoming_webhooks.create_as_staff(actor=CODE, room=room, title="builds", bot=bot, may_mention=False)
    page = client.post(INCOMING, {"action": "rotate", "_selected_action": [made.webhook.pk]})
    secret = shown(page)
    assert f"/api/hooks/{made.webhook.pk}/{secret}" in page.content.decode()
    client.post(f"{INCOMING}{made.webhook.pk}/change/", {"may_mention": "on"})
    webhook = IncomingWebhook.objects.get()
    assert (webhook.active, webhook.may_mention) == (False, True)
    client.post(f"{INCOMING}{made.webhook.pk}/delete/", {"post": "yes"})
    assert not IncomingWebhook.objects.exists()
    actions = set(AuditEntry.objects.filter(door="admin").values_list("action", flat=True))
    assert actions == {"rotate-webhook", "stop-webhook", "change-webhook", "delete-webhook"}


@pytest.mark.parametrize("fields", [{"name": ""}, {"name": "a b"}, {"name": "deploys"}, {"room": ""}])
def test_what_the_service_would_refuse_is_an_error_of_the_form(client: Client, fields: dict[str, Any]) -> None:
    bots.create(actor=CODE, name="deploys")
    answer = client.post(f"{INCOMING}add/", {"room": make_room("lobby").pk, "name": "x", "bot": "", **fields})
    assert (answer.status_code, "errorlist" in answer.content.decode()) == (200, True)
    assert not IncomingWebhook.objects.exists()


@pytest.mark.parametrize("url", ["ftp://example.com", "http://127.0.0.1/", "https://user:pass@example.com/", ""])
def test_an_address_that_cannot_be_used_is_an_error_of_the_form(client: Client, url: str) -> None:
    answer = client.post(f"{OUTGOING}add/", {**OUT, "room": make_room("lobby").pk, "url": url})
    assert (answer.status_code, "errorlist" in answer.content.decode()) == (200, True)
    assert not OutgoingWebhook.objects.exists()


def test_who_may_not_see_a_room_sends_nothing_of_it_elsewhere(staff: Staff) -> None:
    private = make_room("private", kind="private")
    client = staff("add_outgoingwebhook", "add_incomingwebhook")
    for path, fields in ((OUTGOING, OUT), (INCOMING, {"name": "deploys", "bot": ""})):
        assert "errorlist" in client.post(f"{path}add/", {**fields, "room": private.pk}).content.decode()
    assert not OutgoingWebhook.objects.exists()


def test_an_outgoing_one_is_made_tested_rotated_and_switched_on(
    client: Client, act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = shown(client.post(f"{OUTGOING}add/", {**OUT, "room": make_room("lobby", last_seq=7).pk}))
    webhook = OutgoingWebhook.objects.get()
    assert (webhook.secret, webhook.seq) == (secret, 7)
    assert (webhook.posted, webhook.edited, webhook.deleted) == (True, False, False)
    for path in (OUTGOING, f"{OUTGOING}{webhook.pk}/change/"):
        page = client.get(path)
        assert (page.status_code, secret in page.content.decode()) == (200, False)
    sent: list[Any] = []

    async def post(*request: Any) -> Outcome:
        sent.append(request)
        return outcome

    monkeypatch.setattr(outbound, "post", post)
    outcome = Outcome(204)
    assert "The test was delivered." in act(client, OUTGOING, "test", webhook)
    outcome = Outcome(503, "answered with 503")
    assert "The test failed: answered with 503." in act(client, OUTGOING, "test", webhook)
    assert {request[0] for request in sent} == {webhook.url}
    assert sent[0][1]["webhook-id"] != sent[1][1]["webhook-id"]
    assert shown(client.post(OUTGOING, {"action": "rotate", "_selected_action": [webhook.pk]})) != secret
    OutgoingWebhook.objects.update(disabled_at=timezone.now())
    assert "1 webhook was switched on." in act(client, OUTGOING, "enable", webhook)
    assert OutgoingWebhook.objects.get().disabled_at is None
    client.post(f"{OUTGOING}{webhook.pk}/delete/", {"post": "yes"})
    assert not OutgoingWebhook.objects.exists()
