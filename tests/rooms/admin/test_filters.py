"""The word filter in the admin."""

import pytest
from django.conf import LazySettings
from django.test import Client

from rooms.models import FilterPhrase
from rooms.services import filters
from tests.rooms.admin.conftest import Staff

PHRASES = "/admin/chat_rooms/filterphrase/"


@pytest.fixture
def client(staff: Staff) -> Client:
    return staff(
        "view_filterphrase", "add_filterphrase", "change_filterphrase", "delete_filterphrase",
        "view_filterhit", "delete_filterhit",
    )  # fmt: skip


def add(client: Client, phrase: str) -> str:
    fields = {"phrase": phrase, "action": "refuse", "mute_minutes": "10"}
    return client.post(f"{PHRASES}add/", fields, follow=True).content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_phrase_counts_from_its_commit_until_it_is_deleted(client: Client) -> None:
    add(client, "spam")
    assert filters.verdicts(["spam"])
    spam = FilterPhrase.objects.get()
    client.post(f"{PHRASES}{spam.pk}/change/", {"phrase": "scam", "action": "report", "mute_minutes": "10"})
    assert filters.verdicts(["spam"]) is None
    assert filters.verdicts(["scam"])
    client.post(PHRASES, {"action": "delete_selected", "_selected_action": [spam.pk], "post": "yes"})
    assert filters.verdicts(["scam"]) is None


@pytest.mark.parametrize(
    ("phrase", "reason"),
    [
        ("sp*m", "A * stands at the beginning or the end."),
        ("**", "A phrase has visible characters."),
        ("\u200b*", "A phrase has visible characters."),
        ("x" * 61, "at most 60 characters"),
    ],
)
def test_a_phrase_that_finds_nothing_or_is_too_long_is_refused(client: Client, phrase: str, reason: str) -> None:
    assert reason in add(client, phrase)
    assert not FilterPhrase.objects.exists()


def test_no_more_phrases_are_taken_than_the_setting_allows(client: Client, settings: LazySettings) -> None:
    settings.CHAT_FILTER_PHRASES = 1
    add(client, "one")
    assert "as many phrases as CHAT_FILTER_PHRASES allows" in add(client, "two")
    settings.CHAT_FILTER_PHRASES = 0
    add(client, "two")
    assert FilterPhrase.objects.count() == 2
