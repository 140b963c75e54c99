"""Outgoing webhooks over REST: managed by moderators; a secret is shown once, and an address is judged."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from rooms.models import Membership, OutgoingWebhook, Room
from tests.support.api import post, refused
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db
PATH = "/api/rooms/lobby/outgoing-webhooks"
WANTED = {"name": "receiver", "url": "https://example.com/hook?key=1"}


@pytest.fixture
def role(alice: Any, room: Room) -> Membership:
    return Membership.objects.create(room=room, user=alice, role="moderator")


def test_a_moderator_manages_them_and_sees_a_secret_once(api: Client, role: Membership) -> None:
    Room.objects.update(last_seq=7)
    made = post(api, PATH, {**WANTED, "edited": False}).json()
    webhook = OutgoingWebhook.objects.get()
    assert (made["id"], made["secret"], webhook.seq) == (webhook.pk, webhook.secret, 7)
    listed = api.get(PATH)
    [one] = listed.json()["webhooks"]
    assert (one["url"], one["posted"], one["edited"], one["behind"]) == (WANTED["url"], True, False, 0)
    assert made["secret"] not in listed.content.decode()
    assert post(api, f"{PATH}/{made['id']}/secret", {}).json()["secret"] != made["secret"]
    OutgoingWebhook.objects.update(disabled_at=timezone.now())
    assert api.get(PATH).json()["webhooks"][0]["disabledAt"]
    assert api.post(f"{PATH}/{made['id']}/enabled").status_code == 204
    assert OutgoingWebhook.objects.get().disabled_at is None
    assert api.delete(f"{PATH}/{made['id']}").status_code == 204
    for answer in (api.delete(f"{PATH}/{made['id']}"), api.post(f"{PATH}/{made['id']}/enabled")):
        assert refused(answer, 404, "no-such-webhook")


@pytest.mark.parametrize(
    "wrong",
    [{"url": "http://127.0.0.1/"}, {"url": "ftp://example.com"}, {"url": ""}, {"url": 1},
     {"url": "https://x/" + "y" * 500}, {"name": ""}, {"posted": "yes"}],
)  # fmt: skip
def test_bad_input_makes_none(api: Client, role: Membership, wrong: dict[str, Any]) -> None:
    assert refused(post(api, PATH, {**WANTED, **wrong}), 400, "bad-frame")
    assert not OutgoingWebhook.objects.exists()


def test_only_moderators_of_the_room_manage_them(api: Client, role: Membership, client: Client) -> None:
    key = post(api, PATH, WANTED).json()["id"]
    Membership.objects.update(role="member")
    member = Client()
    member.force_login(make_user("member"))
    for caller in (api, member):
        answers = [
            caller.get(PATH), post(caller, PATH, WANTED), caller.delete(f"{PATH}/{key}"),
            post(caller, f"{PATH}/{key}/secret", {}), post(caller, f"{PATH}/{key}/enabled", {}),
        ]  # fmt: skip
        assert all(refused(answer, 403, "forbidden") for answer in answers)
    assert OutgoingWebhook.objects.count() == 1
