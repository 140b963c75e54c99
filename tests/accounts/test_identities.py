"""Signing in by another system's token: whose account it is, what it is called, and which groups it gets."""

import time
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import IntegrityError, connection
from django.test import Client

from accounts import identities, services
from accounts.models import ExternalIdentity, SignIn, User
from rooms.callers import roles
from rooms.errors import AuthExpired, AuthRequired, Banned, Forbidden, Unavailable
from tests.support.api import post, refused
from tests.support.factories import make_user
from tests.support.issuers import AUDIENCE, ISSUER, JwksServer, jwks, token

pytestmark = pytest.mark.django_db
PATH = "/api/auth/exchange"
ROLES = {"claims": {"roles": "roles"}, "groups": {"ops": "Moderators", "root": "Administrators"}}


@pytest.fixture(autouse=True)
def trust(settings: Any) -> Callable[..., None]:
    """Sets one trusted issuer; unknown people get an account unless that is changed."""

    def change(**changes: Any) -> None:
        settings.CHAT_ISSUERS = [{"issuer": ISSUER, "audience": AUDIENCE, "jwks": jwks(), "create": True, **changes}]

    change()
    return change


@pytest.fixture
def groups() -> dict[str, Group]:
    return {name: Group.objects.create(name=name) for name in ("Moderators", "Readers")}


def exchange(**claims: Any) -> User:
    return identities.exchange(token=token(**claims)).user


def names_of(user: User) -> set[str]:
    return set(user.groups.values_list("name", flat=True))


# --- Whose account ----------------------------------------------------------------------------------------------------
def test_somebody_new_gets_an_account_without_a_password() -> None:
    user = exchange(preferred_username="zoe", email="zoe@example.com")
    assert (user.username, user.email, roles(user)) == ("zoe", "zoe@example.com", ("user",))
    assert not user.has_usable_password()
    identity = ExternalIdentity.objects.get()
    assert (identity.issuer, identity.subject, identity.user) == (ISSUER, "7", user)


def test_the_same_subject_is_the_same_account_whatever_its_name_is_today() -> None:
    user = exchange(preferred_username="zoe")
    assert exchange(preferred_username="zoe-married", email="new@example.com") == user
    assert User.objects.get().username == "zoe"


def test_one_subject_of_two_issuers_is_two_people(settings: Any) -> None:
    entry = {**settings.CHAT_ISSUERS[0], "issuer": "https://other.example.com/"}
    settings.CHAT_ISSUERS = [*settings.CHAT_ISSUERS, entry]
    assert exchange() != exchange(iss="https://other.example.com/")


def test_subjects_that_differ_in_case_are_two_people() -> None:
    assert exchange(sub="ab") != exchange(sub="AB")


def test_unknown_people_are_refused_where_accounts_are_not_made(trust: Callable[..., None]) -> None:
    trust(create=False)
    with pytest.raises(Forbidden):
        exchange()
    assert not User.objects.exists()


def test_somebody_who_is_linked_needs_no_new_account(trust: Callable[..., None]) -> None:
    trust(create=False)
    alice = make_user("alice")
    identities.link(user=alice, issuer=ISSUER, subject="7")
    assert exchange() == alice


def test_an_identity_that_is_linked_stays_its_users() -> None:
    identities.link(user=make_user("alice"), issuer=ISSUER, subject="7")
    with pytest.raises(IntegrityError):
        identities.link(user=make_user("bob"), issuer=ISSUER, subject="7")


def test_neither_name_nor_address_takes_over_an_account() -> None:
    admin = make_user("admin", email="admin@example.com", is_staff=True, is_superuser=True)
    user = exchange(preferred_username="admin", email="admin@example.com", email_verified=True)
    assert user != admin
    assert (user.username, roles(user)) == ("admin-2", ("user",))


def test_a_deactivated_user_stays_out() -> None:
    user = exchange()
    services.deactivate(user_ids=[user.pk])
    with pytest.raises(Banned):
        exchange()
    assert SignIn.objects.count() == 1


def test_a_token_is_accepted_until_it_ends_and_not_after() -> None:
    text = token(exp=int(time.time()) + 100, jti="1")
    assert identities.exchange(token=text).user == identities.exchange(token=text).user
    with pytest.raises(AuthExpired):
        exchange(exp=int(time.time()) - 60)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("subjects", [("7", "7", "7", "7"), ("1", "2", "3", "4")], ids=["one person", "four namesakes"])
def test_those_who_come_for_the_first_time_at_once_all_get_in(subjects: tuple[str, ...]) -> None:
    together, found = Barrier(len(subjects)), []

    def arrive(subject: str) -> None:
        together.wait()
        try:
            found.append(exchange(sub=subject).username)
        finally:
            connection.close()

    threads = [Thread(target=arrive, args=(subject,)) for subject in subjects]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(subjects)
    assert len(set(found)) == User.objects.count() == len(set(subjects))


def test_who_loses_every_race_for_a_name_may_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    make_user("zoe")
    monkeypatch.setattr(identities, "_free_name", lambda wanted: wanted)
    with pytest.raises(Unavailable):
        exchange(preferred_username="zoe")


# --- What it is called ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("Zoé", "Zoé"),
        ("張三", "張三"),
        ("Zoe Kim", "Zoe-Kim"),
        ("zoe@example.com", "zoe"),
        ("@example.com", "user"),
        ("<b>zoe</b>", "b-zoe--b"),
        ("zo\u200be", "user"),
        ("..", "user"),
        ("", "user"),
        ("\u0301", "user"),
        ("x" * 300, "x" * 100),
        ("\ufdfa" * 8, "user"),  # 144 characters when compared: no number has room
    ],
)
def test_a_new_name_is_as_near_to_the_tokens_as_is_valid(wanted: str, name: str) -> None:
    user = exchange(preferred_username=wanted)
    assert user.username == name
    user.full_clean(exclude={"password"})


@pytest.mark.parametrize("taken", ["zoe", "ZOE", "ｚｏｅ"])
def test_a_name_that_somebody_has_in_any_spelling_gets_a_number(taken: str) -> None:
    make_user(taken)
    assert exchange(preferred_username="zoe").username == "zoe-2"
    assert exchange(preferred_username="zoe", sub="8").username == "zoe-3"


def test_a_name_whose_numbers_are_taken_gets_a_random_end() -> None:
    for name in ("zoe", *(f"zoe-{number}" for number in range(2, 10))):
        make_user(name)
    assert len(exchange(preferred_username="zoe").username) == len("zoe-") + 8


@pytest.mark.parametrize("email", ["nonsense", "a@b", f"{'x' * 250}@example.com", 7, None])
def test_an_address_that_is_none_is_not_stored(email: Any) -> None:
    assert exchange(email=email).email == ""


# --- Groups -----------------------------------------------------------------------------------------------------------
def test_roles_give_nothing_unless_they_are_mapped(groups: dict[str, Group]) -> None:
    user = exchange(roles=["ops", "Moderators", "admin"], groups=["Moderators"], is_staff=True, is_superuser=True)
    assert (names_of(user), user.is_staff, user.is_superuser) == (set(), False, False)


def test_a_mapped_role_gives_its_group_and_takes_it_again(trust: Callable[..., None], groups: dict[str, Group]) -> None:
    trust(**ROLES)
    user = exchange(roles=["ops"])
    user.groups.add(groups["Readers"])
    assert names_of(exchange(roles=["ops"])) == {"Moderators", "Readers"}
    assert names_of(exchange(roles=[])) == {"Readers"}


def test_a_group_that_does_not_exist_is_not_made(trust: Callable[..., None], groups: dict[str, Group]) -> None:
    trust(**ROLES)
    assert names_of(exchange(roles=["root"])) == set()
    assert not Group.objects.filter(name="Administrators").exists()


def test_groups_that_were_given_by_hand_stay_where_roles_are_not_mapped(groups: dict[str, Group]) -> None:
    user = exchange()
    user.groups.add(groups["Moderators"])
    assert names_of(exchange()) == {"Moderators"}


# --- POST /api/auth/exchange ------------------------------------------------------------------------------------------
def test_a_good_token_answers_what_a_password_does(client: Client) -> None:
    answer = post(client, PATH, {"token": token()})
    body = answer.json()
    assert (answer.status_code, set(body), answer.headers["Cache-Control"]) == (
        200, {"token", "refresh", "user"}, "no-store",
    )  # fmt: skip
    me = Client().get("/api/me", headers={"Authorization": f"Bearer {body['token']}"})
    assert me.json() == body["user"] == {"id": str(User.objects.get().pk), "username": "zoe", "roles": ["user"]}
    assert post(client, "/api/auth/refresh", {"refresh": body["refresh"]}).status_code == 200


def test_a_role_that_the_token_gives_counts_at_once(
    client: Client, trust: Callable[..., None], groups: dict[str, Group]
) -> None:
    groups["Moderators"].permissions.add(
        Permission.objects.get(content_type__app_label="chat_rooms", codename="moderate")
    )
    trust(**ROLES)
    answer = post(client, PATH, {"token": token(roles=["ops"])})
    assert answer.json()["user"]["roles"] == ["user", "moderator"]


def test_the_device_is_written_down() -> None:
    headers = {"User-Agent": "Chat/1.0"}
    Client().post(PATH, {"token": token()}, content_type="application/json", headers=headers, REMOTE_ADDR="192.0.2.7")
    record = SignIn.objects.get()
    assert (record.address, record.user_agent) == ("192.0.2.7", "Chat/1.0")


def test_each_refusal_has_its_status_and_code(client: Client, trust: Callable[..., None]) -> None:
    assert refused(post(client, PATH, {"token": token(aud="shop")}), 401, "auth-required")
    assert refused(post(client, PATH, {"token": token(exp=int(time.time()) - 60)}), 401, "auth-expired")
    assert refused(post(client, PATH, {"token": "x" * 20_000}), 413, "too-large")
    assert refused(post(client, PATH, {"token": 1}), 400, "bad-frame")
    assert refused(post(client, PATH, {}), 400, "bad-frame")
    services.deactivate(user_ids=[exchange().pk])
    assert refused(post(client, PATH, {"token": token()}), 403, "banned")
    trust(create=False)
    assert refused(post(client, PATH, {"token": token(sub="8")}), 403, "forbidden")


def test_while_keys_cannot_be_read_the_answer_says_when_to_try_again(
    client: Client, settings: Any, trust: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    settings.DEBUG = True  # keys over plain HTTP
    with JwksServer() as server:
        server.respond = lambda handler: server.send(handler, 500)
        trust(jwks=None, jwks_url=server.url)
        answer = post(client, PATH, {"token": token()})
    assert refused(answer, 503, "unavailable")
    assert (answer.json()["retryable"], answer.headers["Retry-After"]) == (True, "10")


def test_a_token_of_this_site_is_no_foreign_one() -> None:
    own = services.open_sign_in(user=make_user("alice"))
    for text in (own.access, own.refresh):
        with pytest.raises(AuthRequired, match="not trusted"):
            identities.exchange(token=text)
