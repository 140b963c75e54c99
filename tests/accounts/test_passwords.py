"""A forgotten password: the mail, the new password, and that nobody learns who has an account."""

import re
from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import get_script_prefix, set_script_prefix

from accounts import mails
from accounts.forms import ForgottenForm
from accounts.models import User
from tests.support.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db(transaction=True)  # the mails' thread has a connection of its own
FORGOTTEN = "/accounts/password/"
NEW = "a-new-way-home"


@pytest.fixture
def alice() -> User:
    return make_user("alice", email="alice@example.com")


def ask(client: Client, email: str, **headers: str) -> Any:
    """Asks for a link, and waits until everything that will be sent is sent."""
    response = client.post(FORGOTTEN, {"email": email}, headers=headers)
    mails.waiting.join()
    return response


def link(message: Any) -> str:
    found = re.search(r"http://testserver(/accounts/password/\S+/)", message.body)
    assert found
    return found[1]


def choose(client: Client, path: str, password: str = NEW) -> Any:
    """Follows the link and sends the form that it leads to."""
    form = client.get(path, follow=True)
    return client.post(form.request["PATH_INFO"], {"new_password1": password, "new_password2": password})


def test_the_link_of_the_mail_changes_the_password(client: Client, alice: User) -> None:
    assert ask(client, "Alice@Example.com")["Location"] == "/accounts/password/sent/"
    [message] = mail.outbox
    assert (message.to, message.subject) == (["alice@example.com"], "A new password for testserver")
    assert message.from_email == "chat@localhost"
    assert "Hello alice," in message.body
    assert choose(client, link(message))["Location"] == "/accounts/password/changed/"
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert not alice.check_password(PASSWORD)


def test_a_link_works_once(client: Client, alice: User) -> None:
    ask(client, "alice@example.com")
    path = link(mail.outbox[0])
    choose(client, path)
    assert "no longer valid" in client.get(path, follow=True).content.decode()


def test_a_password_that_will_not_do_is_refused(client: Client, alice: User) -> None:
    ask(client, "alice@example.com")
    assert "too common" in choose(client, link(mail.outbox[0]), "password").content.decode()
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_a_new_password_undoes_nothing_that_changed_meanwhile(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a sign-out everywhere while the form is checked."""
    ask(client, "alice@example.com")
    real = User.set_password

    def set_password(user: User, password: str) -> None:
        User.objects.filter(pk=user.pk).update(token_epoch=5)
        real(user, password)

    monkeypatch.setattr(User, "set_password", set_password)
    choose(client, link(mail.outbox[0]))
    alice.refresh_from_db()
    assert alice.token_epoch == 5
    assert alice.check_password(NEW)


def test_the_mail_is_in_the_language_of_the_page(client: Client, alice: User) -> None:
    ask(client, "alice@example.com", **{"Accept-Language": "zh-CN"})
    assert mail.outbox[0].subject == "testserver 的新密码"
    assert "alice，你好！" in mail.outbox[0].body


@pytest.fixture
def prefix() -> Iterator[None]:
    """The site is under /intranet/."""
    before = get_script_prefix()
    set_script_prefix("/intranet/")
    yield
    set_script_prefix(before)


def test_the_link_is_under_the_prefix_of_the_site(client: Client, alice: User, prefix: None) -> None:
    ask(client, "alice@example.com")
    assert "http://testserver/intranet/accounts/password/" in mail.outbox[0].body


# --- What others learn ------------------------------------------------------------------------------------------------
def test_the_answer_is_the_same_whether_the_address_is_known(client: Client, alice: User) -> None:
    make_user("bob", email="bob@example.com", is_active=False)
    answers = [ask(client, f"{name}@example.com") for name in ("alice", "bob", "nobody")]
    assert len({(answer.status_code, answer["Location"], answer.content) for answer in answers}) == 1
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Lets the search for users begin when it is set."""
    release, search = Event(), ForgottenForm.get_users

    def get_users(form: ForgottenForm, email: str) -> Any:
        release.wait()
        return search(form, email)

    monkeypatch.setattr(ForgottenForm, "get_users", get_users)
    yield release
    release.set()
    mails.waiting.join()


def test_the_answer_waits_neither_for_the_search_nor_for_the_mail(client: Client, alice: User, held: Event) -> None:
    assert client.post(FORGOTTEN, {"email": "alice@example.com"}).status_code == 302
    assert not mail.outbox
    held.set()
    mails.waiting.join()
    assert len(mail.outbox) == 1


def test_what_the_thread_cannot_take_is_dropped_and_the_answer_is_the_same(
    client: Client, alice: User, held: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mails.waiting, "maxsize", 1)
    for _ in range(5):
        assert client.post(FORGOTTEN, {"email": "alice@example.com"}).status_code == 302
    held.set()
    mails.waiting.join()
    assert 1 <= len(mail.outbox) <= 2, "one was begun, and one waited"


def test_a_mail_that_cannot_be_sent_stops_no_other(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(ForgottenForm, "send_mail", lambda *_, **__: 1 / 0)
        assert ask(client, "alice@example.com").status_code == 302
    ask(client, "alice@example.com")
    assert len(mail.outbox) == 1


def test_an_address_gets_few_mails_at_a_time(client: Client, db: None) -> None:
    for _ in range(8):
        make_user(email="victim@example.com")
    ask(client, "victim@example.com")
    assert len(mail.outbox) == 5


def test_an_address_asks_for_a_number_of_mails_in_an_hour(client: Client, alice: User, settings: Any) -> None:
    settings.CHAT_SIGN_IN_ADDRESS_MAILS, settings.CHAT_SIGN_IN_DELAY_S = 2, 90
    for _ in range(2):
        assert ask(client, "alice@example.com").status_code == 302
    refusal = ask(client, "alice@example.com")
    assert (refusal.status_code, "Try again in 2 minutes" in refusal.content.decode()) == (429, True)
    assert int(refusal["Retry-After"]) > 80
    assert len(mail.outbox) == 2
    assert ask(Client(REMOTE_ADDR="192.0.2.8"), "alice@example.com").status_code == 302


# --- Where a link is offered ------------------------------------------------------------------------------------------
def test_the_sign_in_page_leads_there(client: Client, db: None) -> None:
    assert f'href="{FORGOTTEN}"' in client.get("/accounts/sign-in/").content.decode()
    assert client.get(FORGOTTEN).status_code == 200


def test_a_site_that_sends_no_mails_offers_no_link(client: Client, db: None, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    assert FORGOTTEN not in client.get("/accounts/sign-in/").content.decode()
    assert client.get(FORGOTTEN).status_code == 404
    assert client.post(FORGOTTEN, {"email": "alice@example.com"}).status_code == 404
