"""Users: their names, and the stamp that ends what they had open."""

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import IntegrityError
from django.db.models.functions import Upper
from django.test import Client

from accounts.models import SignIn, User
from tests.support.factories import make_user
from tests.support.servers import Database

pytestmark = pytest.mark.django_db


# --- Names ------------------------------------------------------------------------------------------------------------
def _two_of_one_name() -> None:
    User.objects.create_user("Öl")
    User.objects.create_user("öl")


@pytest.mark.parametrize("url", ["sqlite_url", "postgres_url"])
def test_neither_database_takes_two_names_that_differ_in_case(
    request: pytest.FixtureRequest, url: str, django_db_blocker: Any
) -> None:
    database = Database(request.getfixturevalue(url), django_db_blocker)
    with pytest.raises(IntegrityError):
        database.run(_two_of_one_name)
    database.close()


def _saved(user: User) -> None:
    user.username = "Zoé"
    user.save()


def _saved_by_field(user: User) -> None:
    user.username = "Zoé"
    user.save(update_fields=["username"])


def _saved_half_loaded(user: User) -> None:
    half = User.objects.only("username").get(pk=user.pk)
    half.username = "Zoé"
    half.save()


def _created_over(user: User) -> None:
    user.username = "Zoé"
    User.objects.bulk_create([user], update_conflicts=True, unique_fields=["id"], update_fields=["username"])


@pytest.mark.parametrize(
    "write",
    [
        _saved,
        _saved_by_field,
        _saved_half_loaded,
        lambda user: User.objects.filter(pk=user.pk).update(username="Zoé"),
        lambda user: User.objects.update_or_create(pk=user.pk, defaults={"username": "Zoé"}),
        lambda user: (user.delete(), User.objects.bulk_create([User(username="Zoé")])),
        _created_over,
        lambda user: (user.delete(), User.objects.create(username="Zoé")),
    ],
    ids=["save", "one field", "half loaded", "update", "update_or_create", "bulk_create", "upsert", "create"],
)
def test_whatever_writes_a_name_writes_its_key(write: Callable[[User], Any]) -> None:
    write(make_user("alice"))
    assert list(User.objects.values_list("username", "username_key")) == [("Zoé", "zoé")]


def test_a_name_that_a_statement_computes_is_refused() -> None:
    user = make_user("alice")
    for write in (
        lambda: User.objects.update(username=Upper("username")),
        lambda: User.objects.bulk_update([user], ["username"]),
    ):
        with pytest.raises(TypeError):
            write()


def test_saving_something_else_leaves_the_name_alone(django_assert_num_queries: Any) -> None:
    user = make_user("alice")
    User.objects.filter(pk=user.pk).update(username="alicia")
    user.save(update_fields=["email"])
    half = User.objects.only("email").get(pk=user.pk)
    with django_assert_num_queries(2):  # the update, and the note of changed rights
        half.save()
    assert list(User.objects.values_list("username", "username_key")) == [("alicia", "alicia")]


def test_a_user_is_found_by_any_spelling_of_the_name() -> None:
    user = make_user("Straße")
    assert User.objects.get_by_natural_key("STRASSE") == user
    assert async_to_sync(User.objects.aget_by_natural_key)("strasse") == user


# --- The stamp --------------------------------------------------------------------------------------------------------
def test_the_stamp_stays_while_nothing_changes() -> None:
    user = make_user()
    user.email, user.is_staff = "alice@example.org", True
    user.save()
    assert User.objects.get(pk=user.pk).stamp() == user.stamp()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda user: user.set_password("another-password"), id="password"),
        pytest.param(lambda user: setattr(user, "token_epoch", 1), id="epoch"),
        pytest.param(lambda user: setattr(user, "is_active", False), id="deactivation"),
    ],
)
def test_the_stamp_changes_with_what_must_end_every_token(change: Callable[[User], None]) -> None:
    user = make_user()
    before = user.stamp()
    change(user)
    assert user.stamp() != before


def test_two_users_of_one_password_hash_have_two_stamps() -> None:
    alice, bob = make_user(), make_user()
    bob.password = alice.password
    assert alice.stamp() != bob.stamp()


def test_raising_the_epoch_ends_a_browsers_session(client: Client) -> None:
    user = make_user()
    client.force_login(user)
    assert client.get("/api/me").status_code == 200
    User.objects.filter(pk=user.pk).update(token_epoch=1)
    assert client.get("/api/me").status_code == 401


def test_a_sign_in_goes_with_its_user() -> None:
    user = make_user()
    user.sign_ins.create(expires_at=user.date_joined)
    user.delete()
    assert not SignIn.objects.exists()
