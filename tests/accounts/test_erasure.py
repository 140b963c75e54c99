"""Handing over and erasing an account: what is in the file, what is gone, and who cannot go."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import msgspec
import pytest
from django.utils import timezone

from accounts import erasure, services
from accounts.models import ExternalIdentity, SignIn, User
from rooms.errors import Conflict
from rooms.models import Membership, Message, RightsChange
from rooms.services import people
from tests.support.factories import make_message, make_room, make_user
from tests.support.servers import Database

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return make_user("alice", email="alice@example.com", first_name="Alice")


def sign_in(user: User, **fields: Any) -> SignIn:
    return SignIn.objects.create(user=user, expires_at=timezone.now() + timedelta(days=1), **fields)


# --- Export -----------------------------------------------------------------------------------------------------------
def test_an_export_has_account_sign_ins_identities_and_the_chats_part(alice: User) -> None:
    sign_in(alice, address="192.0.2.7", user_agent="Firefox", is_browser=True)
    sign_in(make_user("bob"), user_agent="Bob's")
    ExternalIdentity.objects.create(user=alice, issuer="shop", subject="7")
    make_message(make_room("garden"), alice, "tomatoes")
    exported = msgspec.to_builtins(erasure.export(user=alice))
    assert (exported["account"]["username"], exported["account"]["email"]) == ("alice", "alice@example.com")
    assert [(s["userAgent"], s["address"], s["browser"]) for s in exported["signIns"]] == [
        ("Firefox", "192.0.2.7", True)
    ]
    assert [(i["issuer"], i["subject"]) for i in exported["identities"]] == [("shop", "7")]
    assert exported["chat"]["messages"][0]["content"] == "tomatoes"


def test_an_export_has_no_secret(alice: User) -> None:
    sign_in(alice, stamp=alice.stamp())
    text = msgspec.json.encode(erasure.export(user=alice)).decode()
    assert alice.password not in text
    assert alice.stamp() not in text


# --- Erasure ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("setting", ["keep", "delete"])
def test_an_erased_account_leaves_its_messages_or_their_places(alice: User, settings: Any, setting: str) -> None:
    settings.CHAT_ERASED_MESSAGES = setting
    room = make_room()
    Membership.objects.create(room=room, user=alice)
    make_message(room, alice, "tomatoes")
    sign_in(alice)
    ExternalIdentity.objects.create(user=alice, issuer="shop", subject="7")
    key = alice.pk
    erasure.erase(user=alice)
    assert not User.objects.filter(pk=key).exists()
    assert not SignIn.objects.exists()
    assert not ExternalIdentity.objects.exists()
    assert not Membership.objects.exists()
    message = Message.objects.get()
    assert (message.author, message.content) == (None, "tomatoes" if setting == "keep" else "")
    assert RightsChange.objects.filter(user_key=str(key)).exists()


def test_its_name_is_free_again(alice: User) -> None:
    erasure.erase(user=alice)
    assert services.register(username="alice", password="a long enough one")


def test_the_last_superuser_stays_with_all_messages() -> None:
    root = make_user("root", is_superuser=True)
    make_user("former", is_superuser=True, is_active=False)
    make_user("staff", is_staff=True)
    message = make_message(make_room(), root)
    with pytest.raises(Conflict):
        erasure.erase(user=root)
    message.refresh_from_db()
    assert message.author == root


def test_a_superuser_who_is_not_the_last_goes() -> None:
    root, other = make_user("root", is_superuser=True), make_user("other", is_superuser=True)
    erasure.erase(user=root)
    assert list(User.objects.all()) == [other]


def test_an_erasure_that_was_interrupted_can_be_repeated(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(people, "ROWS", 1)
    room = make_room()
    for _ in range(3):
        make_message(room, alice)
    next(people.erase_messages(user_id=alice.pk))
    erasure.erase(user=alice)
    assert not Message.objects.exclude(author=None).exists()


def test_of_two_last_superusers_who_go_in_the_same_moment_one_stays(
    postgres_url: str, django_db_blocker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:

    databases = [Database(postgres_url, django_db_blocker) for _ in range(2)]
    roots = [databases[0].run(make_user, name, is_superuser=True) for name in ("one", "two")]
    both = Barrier(2, timeout=30)

    def erase_together(**_: Any) -> list[int]:
        both.wait()
        return []

    monkeypatch.setattr(people, "erase_messages", erase_together)

    def attempt(database: Database, root: User) -> bool:
        try:
            database.run(erasure.erase, user=root)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(attempt, databases, roots)) == [False, True]
    assert databases[0].run(User.objects.count) == 1
    for each in databases:
        each.close()
