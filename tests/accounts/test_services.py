"""Registering, signing in and out, and the exchange of refresh tokens."""

import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth import hashers
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts import authentication, services, tokens
from accounts.models import SignIn, User
from accounts.services import SignedIn
from rooms.callers import ADMINISTER
from rooms.conf import conf
from rooms.errors import AuthExpired, AuthRequired
from rooms.models import RightsChange
from tests.support.factories import PASSWORD, find_permission, make_user

pytestmark = pytest.mark.django_db
SAVEPOINT = 2  # statements; outside of a test it is the transaction's begin and commit


@pytest.fixture
def alice() -> User:
    return make_user("alice")


def signed_in(user: User) -> SignedIn:
    return services.sign_in(username=user.username, password=PASSWORD, address="192.0.2.7", user_agent="tests")


# --- Registering ------------------------------------------------------------------------------------------------------
def test_who_registers_can_sign_in() -> None:
    user = services.register(username="dora", password="a long enough one")
    assert services.sign_in(username="dora", password="a long enough one").user == user


@pytest.mark.parametrize("other", ["Zoé", "zoe\u0301", "ＺＯＥ\u0301", "ZOÉ"])
def test_any_spelling_of_a_name_signs_in_and_none_is_free_again(other: str) -> None:
    user = services.register(username="Zoe\u0301", password="a long enough one")
    assert user.username == "Zoé"
    assert services.sign_in(username=other, password="a long enough one").user == user
    with pytest.raises(ValidationError) as refusal:
        services.register(username=other, password="a long enough one")
    assert [len(texts) for texts in refusal.value.message_dict.values()] == [1]


@pytest.mark.parametrize("username", ["हिन्दी", "ภาษาไทย", "張三", "o'neil".replace("'", "."), "x" * 150])
def test_letters_of_every_script_are_a_username(username: str) -> None:
    assert services.register(username=username, password="a long enough one").username == username


@pytest.mark.parametrize(
    ("username", "password", "fields"),
    [
        ("alice", "a long enough one", {"username"}),
        ("ALICE", "a long enough one", {"username"}),
        ("two words", "a long enough one", {"username"}),
        ("nul\0", "a long enough one", {"username"}),
        ("x" * 151, "a long enough one", {"username"}),
        ("ﷺ" * 10, "a long enough one", {"username"}),
        ("аlice", "a long enough one", {"username"}),
        ("аӀісе", "a long enough one", {"username"}),
        ("..", "a long enough one", {"username"}),
        ("\u3164", "a long enough one", {"username"}),
        ("al\u200bice", "a long enough one", {"username"}),
        ("\u202eecila", "a long enough one", {"username"}),
        ("\u0301\u0302", "a long enough one", {"username"}),
        ("\ud800", "a long enough one", {"username"}),
        ("dora", "short", {"password"}),
        ("dora-the-explorer", "dora-the-explorer", {"password"}),
        ("", "1234", {"username", "password"}),
    ],
)
def test_what_will_not_do_is_refused_by_field(alice: User, username: str, password: str, fields: set[str]) -> None:
    with pytest.raises(ValidationError) as refusal:
        services.register(username=username, password=password)
    assert set(refusal.value.message_dict) == fields
    assert list(User.objects.all()) == [alice]


def test_of_two_who_take_a_name_at_once_one_gets_it(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_problems", lambda *_: {})  # the other came between the look and the insert
    for name in ("ALICE", "аӀісе"):
        with pytest.raises(ValidationError) as refusal:
            services.register(username=name, password="a long enough one")
        assert set(refusal.value.message_dict) == {"username"}


def test_letters_of_ascii_that_look_alike_make_two_users() -> None:
    for name in ("user0", "userO", "load-1", "load-l", "corn", "com"):
        assert services.register(username=name, password="a long enough one").username == name


# --- Signing in -------------------------------------------------------------------------------------------------------
def test_a_sign_in_is_remembered_with_its_device(alice: User) -> None:
    answer = signed_in(alice)
    record = SignIn.objects.get()
    assert (record.user, record.address, record.user_agent) == (alice, "192.0.2.7", "tests")
    assert tokens.read_access(answer.access).sign_in == record.pk
    assert answer.user.last_login is not None


@pytest.mark.parametrize(
    ("address", "stored"),
    [("", None), ("testclient", None), ("fe80::1%eth0", "fe80::1"), ("2001:db8::1", "2001:db8::1")],
)
def test_an_address_is_stored_when_it_is_one(alice: User, address: str, stored: str | None) -> None:
    services.open_sign_in(user=alice, address=address)
    assert SignIn.objects.get().address == stored


def test_a_long_user_agent_is_cut(alice: User) -> None:
    services.open_sign_in(user=alice, user_agent="\0" + "x" * 300)
    assert SignIn.objects.get().user_agent == "x" * 200


@pytest.mark.parametrize(
    ("username", "password"),
    [("alice", "wrong"), ("nobody", PASSWORD), ("alice\0", PASSWORD), ("\ud800", PASSWORD), ("", PASSWORD)],
)
def test_wrong_ones_are_refused_alike(alice: User, username: str, password: str) -> None:
    with pytest.raises(AuthRequired, match="Wrong username or password"):
        services.sign_in(username=username, password=password)
    assert not SignIn.objects.exists()


def test_a_deactivated_user_is_refused() -> None:
    user = make_user(is_active=False)
    with pytest.raises(AuthRequired):
        signed_in(user)


def test_an_unknown_user_costs_as_many_hashes_as_a_wrong_password(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    hasher = type(hashers.get_hasher())
    encode = hasher.encode

    def counted(self: Any, password: str, *args: Any, **kwargs: Any) -> Any:
        hashed.append(password)
        return encode(self, password, *args, **kwargs)

    monkeypatch.setattr(hasher, "encode", counted)
    for username in ("alice", "nobody"):
        with pytest.raises(AuthRequired):
            services.sign_in(username=username, password="a wrong one")
    assert hashed == ["a wrong one"] * 2


def test_a_sign_in_clears_away_those_that_are_over(alice: User) -> None:
    with time_machine.travel(time.time() - timedelta(days=100).total_seconds()):
        signed_in(alice)
    newest = signed_in(alice)
    assert [record.pk for record in SignIn.objects.all()] == [tokens.read_refresh(newest.refresh).sign_in]


# --- The exchange -----------------------------------------------------------------------------------------------------
def test_a_refresh_token_is_exchanged_for_new_tokens(alice: User) -> None:
    first = signed_in(alice)
    second = services.refresh(token=first.refresh)
    answer = services.refresh(token=second.refresh)
    assert authentication.by_token(answer.access).user == alice
    assert tokens.read_refresh(answer.refresh).generation == 2
    assert SignIn.objects.count() == 1


def test_new_tokens_carry_todays_roles(alice: User) -> None:
    first = signed_in(alice)
    alice.user_permissions.add(find_permission(ADMINISTER))
    assert "admin" in tokens.read_access(services.refresh(token=first.refresh).access).roles


def test_an_old_refresh_token_signs_both_holders_out(alice: User) -> None:
    with time_machine.travel(time.time(), tick=False) as clock:
        first = signed_in(alice)
        second = services.refresh(token=first.refresh)
        clock.shift(services.RETRY_GRACE)
        with pytest.raises(AuthRequired):
            services.refresh(token=first.refresh)
        with pytest.raises(AuthRequired):
            services.refresh(token=second.refresh)
        with pytest.raises(AuthRequired, match="Signed out"):
            authentication.by_token(second.access)


def test_a_refresh_token_two_exchanges_old_signs_out_at_once(alice: User) -> None:
    first = signed_in(alice)
    answer = services.refresh(token=services.refresh(token=first.refresh).refresh)
    with pytest.raises(AuthRequired):
        services.refresh(token=first.refresh)
    with pytest.raises(AuthRequired):
        services.refresh(token=answer.refresh)


def test_a_client_whose_answer_got_lost_may_ask_again(alice: User) -> None:
    first = signed_in(alice)
    lost = services.refresh(token=first.refresh)
    again = services.refresh(token=first.refresh)
    for answer in (again, lost):
        assert authentication.by_token(answer.access).user == alice
    assert services.refresh(token=again.refresh).user == alice


def test_an_access_token_cannot_be_exchanged(alice: User) -> None:
    with pytest.raises(AuthRequired):
        services.refresh(token=signed_in(alice).access)


def test_a_refresh_token_ends(alice: User, settings: Any) -> None:
    with time_machine.travel(time.time(), tick=False) as clock:
        token = signed_in(alice).refresh
        clock.shift(timedelta(days=conf.CHAT_REFRESH_DAYS, minutes=1))
        with pytest.raises(AuthExpired):
            services.refresh(token=token)


@pytest.mark.parametrize("change", [{"is_active": False}, {"password": "!"}, {"token_epoch": 1}])
def test_what_changes_the_stamp_ends_refresh_tokens(alice: User, change: dict[str, Any]) -> None:
    token = signed_in(alice).refresh
    User.objects.filter(pk=alice.pk).update(**change)
    with pytest.raises(AuthRequired):
        services.refresh(token=token)


def test_the_refresh_token_of_a_deleted_user_is_refused(alice: User) -> None:
    token = signed_in(alice).refresh
    alice.delete()
    with pytest.raises(AuthRequired):
        services.refresh(token=token)


# --- Signing out ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_signing_out_ends_this_sign_in_and_no_other(alice: User, kind: str) -> None:
    here, there = signed_in(alice), signed_in(alice)
    services.sign_out(token=getattr(here, kind))
    with pytest.raises(AuthRequired):
        authentication.by_token(here.access)
    with pytest.raises(AuthRequired):
        services.refresh(token=here.refresh)
    assert authentication.by_token(there.access).user == alice


def test_signing_out_twice_or_with_anything_is_no_error(alice: User) -> None:
    token = signed_in(alice).refresh
    for text in (token, token, "nonsense", ""):
        services.sign_out(token=text)


def test_signing_out_everywhere_ends_every_token(alice: User) -> None:
    here, there = signed_in(alice), signed_in(alice)
    services.sign_out_everywhere(user_ids=[alice.pk])
    for answer in (here, there):
        with pytest.raises(AuthRequired):
            authentication.by_token(answer.access)
        with pytest.raises(AuthRequired):
            services.refresh(token=answer.refresh)


# --- Who hears of it --------------------------------------------------------------------------------------------------
def test_what_ends_a_users_tokens_is_announced_after_the_commit(
    alice: User, announced: list[list[str]], django_capture_on_commit_callbacks: Any
) -> None:
    changes = [
        lambda: services.revoke(sign_ins=[alice.sign_ins.create(expires_at=timezone.now())]),
        lambda: services.sign_out(token=services.open_sign_in(user=alice).access),
        lambda: services.sign_out(token=services.open_sign_in(user=alice).refresh),
        lambda: services.sign_out_everywhere(user_ids=[alice.pk]),
        lambda: services.deactivate(user_ids=[alice.pk]),
    ]
    for number, change in enumerate(changes):
        with django_capture_on_commit_callbacks(execute=True):
            change()
            assert not announced, f"change {number} was announced too early"
            assert RightsChange.objects.filter(user_key=alice.pk).exists()
        assert announced == [[str(alice.pk)]], f"change {number} was not announced"
        announced.clear()
        RightsChange.objects.all().delete()


def test_what_ends_nothing_is_not_announced(
    alice: User, announced: list[list[str]], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        services.refresh(token=signed_in(alice).refresh)
        services.register(username="dora", password="a long enough one")
        services.sign_out(token="nonsense")
        services.load_test_users(count=3)
    assert announced == []
    assert not RightsChange.objects.exists()


def test_all_whom_one_change_concerns_are_announced_at_once_in_few_statements(
    announced: list[list[str]], django_assert_num_queries: Any, django_capture_on_commit_callbacks: Any
) -> None:
    ids = [user.pk for user in services.load_test_users(count=50)]
    changes = [
        (3 + SAVEPOINT, lambda: services.sign_out_everywhere(user_ids=ids)),
        (2 + SAVEPOINT, lambda: services.deactivate(user_ids=ids)),
    ]
    for statements, change in changes:
        with django_capture_on_commit_callbacks(execute=True), django_assert_num_queries(statements):
            change()
        assert announced == [sorted(map(str, ids))]
        announced.clear()


def test_signing_out_succeeds_though_nobody_can_be_told(
    alice: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def fail(_events: list[Any]) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("rooms.services.publishing.publish", fail)
    answer = signed_in(alice)
    with django_capture_on_commit_callbacks(execute=True):
        services.sign_out_everywhere(user_ids=[alice.pk])
    with pytest.raises(AuthRequired):
        authentication.by_token(answer.access)


# --- Load tests -------------------------------------------------------------------------------------------------------
def test_load_test_users_are_made_once_and_come_in_order() -> None:
    first = services.load_test_users(count=3)
    again = services.load_test_users(count=5)
    assert [user.username for user in again] == [f"load-{number}" for number in range(1, 6)]
    assert again[:3] == first
    assert not any(user.has_usable_password() for user in again)


def test_load_test_users_are_found_in_any_spelling() -> None:
    assert services.load_test_users(count=2, prefix="Load") == services.load_test_users(count=2, prefix="load")


def test_many_load_test_users_take_few_queries(django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(40):
        assert len(services.load_test_users(count=2500)) == 2500
