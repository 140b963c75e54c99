"""One's devices: what is listed, which is this one, and that an ended one is out, whatever the session engine."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts import authentication, devices, services
from accounts.models import SignIn, User
from rooms import callers
from rooms.errors import AuthRequired
from rooms.models import EndedSession
from tests.support.factories import PASSWORD, make_user
from tests.support.sessions import cookie_of

pytestmark = pytest.mark.django_db
ENGINES = ("db", "cache", "cached_db", "signed_cookies", "file")


@pytest.fixture
def alice() -> User:
    return make_user("alice")


def browser(name: str = "Firefox") -> Client:
    """Alice's, signed in by hand."""
    client = Client(headers={"User-Agent": name}, REMOTE_ADDR="192.0.2.7")
    client.post("/accounts/sign-in/", {"username": "alice", "password": PASSWORD})
    return client


def is_in(client: Client) -> bool:
    return client.get("/config/").status_code == 200


def record_of(client: Client) -> SignIn:
    key = devices.of_session(client.session)
    return SignIn.objects.get(pk=key)


def listed(user: User) -> list[str]:
    return [device.user_agent for device in devices.devices(user=User.objects.get(pk=user.pk))]


def test_browsers_and_programs_are_listed_the_last_used_first(alice: User) -> None:
    with time_machine.travel(timezone.now() - timedelta(hours=1)):
        browser("Firefox")
    services.open_sign_in(user=alice, address="192.0.2.8", user_agent="Program")
    first, second = devices.devices(user=alice)
    assert (first.user_agent, first.address, first.is_browser) == ("Program", "192.0.2.8", False)
    assert (second.user_agent, second.address, second.is_browser) == ("Firefox", "192.0.2.7", True)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_ended_browser_is_out_and_the_others_stay(alice: User, settings: Any, engine: str, tmp_path: Any) -> None:
    settings.SESSION_FILE_PATH = str(tmp_path)
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    ended, other = browser("Ended"), browser("Other")
    cookie = cookie_of(ended)
    assert callers.by_session(cookie) is not None
    assert devices.end(user=alice, device_id=record_of(ended).pk)
    assert callers.by_session(cookie) is None
    assert not is_in(ended)
    assert is_in(other)
    assert listed(alice) == ["Other"]
    replayed = Client()
    replayed.cookies[settings.SESSION_COOKIE_NAME] = cookie
    assert not is_in(replayed)


def test_an_ended_program_is_out(alice: User) -> None:
    signed_in = services.open_sign_in(user=alice)
    assert devices.end(user=alice, device_id=SignIn.objects.get().pk)
    with pytest.raises(AuthRequired):
        authentication.by_token(signed_in.access)


@pytest.mark.parametrize("whose", ["somebody else", "nobody"])
def test_a_device_that_is_not_ones_own_cannot_be_ended(alice: User, whose: str) -> None:
    other = services.open_sign_in(user=make_user("bob"))
    key = SignIn.objects.get().pk if whose == "somebody else" else uuid.uuid4()
    assert not devices.end(user=alice, device_id=key)
    assert authentication.by_token(other.access)


def test_an_ended_device_is_announced_after_the_commit(
    alice: User, announced: list[list[str]], django_capture_on_commit_callbacks: Any
) -> None:
    client = browser()
    announced.clear()
    with django_capture_on_commit_callbacks(execute=True):
        devices.end(user=alice, device_id=record_of(client).pk)
        assert announced == []
    assert announced == [[str(alice.pk)]]


def test_a_browser_that_signs_out_is_listed_no_more(alice: User) -> None:
    client = browser()
    assert listed(alice) == ["Firefox"]
    client.post("/accounts/sign-out/")
    assert listed(alice) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda user: services.set_password(user=user, password="another-long-one"),
        lambda user: services.sign_out_everywhere(user_ids=[user.pk]),
        lambda user: services.deactivate(user_ids=[user.pk]),
    ],
    ids=["password", "everywhere", "deactivated"],
)
def test_what_ends_every_session_leaves_nothing_listed(alice: User, change: Any) -> None:
    browser()
    services.open_sign_in(user=alice)
    assert len(listed(alice)) == 2
    change(alice)
    assert listed(alice) == []


def test_an_expired_device_is_listed_no_more_and_its_record_goes(alice: User) -> None:
    browser()
    with time_machine.travel(timezone.now() + timedelta(days=30)):
        assert listed(alice) == []
        browser("Later")
        assert SignIn.objects.count() == 1


def test_use_is_noted_now_and_then_and_keeps_the_record_as_long_as_the_session(alice: User) -> None:
    client = browser()
    first = record_of(client)
    is_in(client)
    assert record_of(client).used_at == first.used_at
    with time_machine.travel(timezone.now() + timedelta(days=10)):
        assert is_in(client)
        again = record_of(client)
        assert again.used_at - first.used_at > timedelta(days=9)
        assert again.expires_at - first.expires_at > timedelta(days=9)
        assert again.address == "192.0.2.7"


def test_signing_in_again_by_the_same_browser_is_one_device(alice: User) -> None:
    client = browser()
    client.logout()
    client.post("/accounts/sign-in/", {"username": "alice", "password": PASSWORD})
    assert listed(alice) == ["Firefox"]


def test_a_session_of_another_way_to_sign_in_goes_on_until_it_is_ended(alice: User) -> None:
    client = browser()
    key = record_of(client).pk
    SignIn.objects.all().delete()
    assert is_in(client)
    EndedSession.objects.create(id=key, until=timezone.now() + timedelta(days=1))
    assert not is_in(client)


def test_the_admin_ends_a_browser_too(alice: User) -> None:
    client, admin = browser(), Client()
    admin.force_login(make_user("root", is_staff=True, is_superuser=True))
    form = {"action": "revoke", "_selected_action": [record_of(client).pk]}
    admin.post("/admin/chat_accounts/signin/", form)
    assert not is_in(client)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iOS"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_0) Version/18.0 Safari/605.1.15", "Safari on macOS"),
        ("python-httpx/0.28", "python-httpx/0.28"),
        ("", "Unknown device"),
    ],
)
def test_a_device_has_the_name_that_people_call_it_by(user_agent: str, name: str) -> None:
    assert devices.name(user_agent) == name
