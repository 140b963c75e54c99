"""Whose session it is: read when somebody asks, also from async code."""

import pytest
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import devices
from accounts.middleware import SessionMiddleware
from tests.support.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_of_alice() -> HttpRequest:
    client = Client()
    client.force_login(make_user("alice"))
    request = HttpRequest()
    request.session = SessionStore(client.session.session_key)
    SessionMiddleware(lambda _: HttpResponse()).process_request(request)
    return request


def test_nothing_is_read_before_somebody_asks(request_of_alice: HttpRequest) -> None:
    with CaptureQueriesContext(connection) as statements:
        user = request_of_alice.user
    assert len(statements) == 0
    assert user.get_username() == "alice"


def test_an_ended_session_is_nobodys_and_is_removed(request_of_alice: HttpRequest) -> None:
    session = request_of_alice.session
    key, user = session.session_key, get_user(request_of_alice)
    device_id = devices.of_session(session)
    assert device_id
    devices.end(user=user, device_id=device_id)  # type: ignore[arg-type]  # alice
    assert not request_of_alice.user.is_authenticated
    assert not SessionStore().exists(key or "")


@pytest.mark.django_db(transaction=True)
async def test_async_code_has_the_same_user(request_of_alice: HttpRequest) -> None:
    assert (await request_of_alice.auser()).get_username() == "alice"
