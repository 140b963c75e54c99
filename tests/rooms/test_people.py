"""What others see of a user: names and pictures by the project's functions, whatever its user model is."""

import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.test.utils import isolate_apps

from accounts.models import User
from rooms import people
from rooms.callers import by_session
from rooms.live.events import Event
from rooms.models import Message
from rooms.people import KEPT_S, Shown
from rooms.services.changes import edit_message
from rooms.services.history import page, snapshot
from rooms.services.posting import post_messages
from tests.support.factories import make_user
from tests.support.rooms import Run, World, frames
from tests.support.sessions import session_of

LABEL = "chat_accounts"


def display_name(user: Any) -> str:
    return f"Dr {user.username}"


def avatar(user: Any) -> str | None:
    return f"/pictures/{user.pk}.png" if user.username == "alice" else None


asked: list[str] = []


def counted_name(user: Any) -> str:
    """Notes whom it was asked about."""
    asked.append(user.username)
    return str(user.username).title()


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "_kept", {})
    asked.clear()


@pytest.fixture
def functions(settings: Any) -> None:
    settings.CHAT_DISPLAY_NAME, settings.CHAT_AVATAR = f"{__name__}.display_name", f"{__name__}.avatar"


# --- Which field has a name, and which a key --------------------------------------------------------------------------
class Fields:
    """Made in an isolated registry: user models as projects have them."""

    @staticmethod
    def with_username() -> Any:
        class Person(AbstractUser):
            groups, user_permissions = None, None  # type: ignore[assignment]

            class Meta:
                app_label = LABEL

        return Person

    @staticmethod
    def by_email() -> Any:
        class Person(AbstractBaseUser):
            id = models.UUIDField(primary_key=True, default=uuid.uuid4)
            email = models.EmailField(unique=True)
            USERNAME_FIELD = EMAIL_FIELD = "email"

            class Meta:
                app_label = LABEL

        return Person

    @staticmethod
    def by_an_address_of_another_name() -> Any:
        class Person(AbstractBaseUser):
            login = models.EmailField(unique=True)
            USERNAME_FIELD = "login"

            class Meta:
                app_label = LABEL

        return Person

    @staticmethod
    def by_an_address_in_a_text() -> Any:
        class Person(AbstractBaseUser):
            code = models.CharField(max_length=20, primary_key=True)
            email = models.CharField(max_length=200, unique=True)
            USERNAME_FIELD = EMAIL_FIELD = "email"

            class Meta:
                app_label = LABEL

        return Person

    @staticmethod
    def by_email_with_a_username() -> Any:
        class Person(AbstractBaseUser):
            email = models.EmailField(unique=True)
            username = models.CharField(max_length=50)
            USERNAME_FIELD = EMAIL_FIELD = "email"

            class Meta:
                app_label = LABEL

        return Person

    @staticmethod
    def by_a_nickname() -> Any:
        class Person(AbstractBaseUser):
            nickname = models.CharField(max_length=50, unique=True)
            USERNAME_FIELD = "nickname"

            class Meta:
                app_label = LABEL

        return Person

    @staticmethod
    def that_extends_another() -> Any:
        base = Fields.by_email()

        class Member(base):  # type: ignore[misc, valid-type]
            class Meta:
                app_label = LABEL

        return Member


@pytest.mark.parametrize(
    ("make", "field", "key"),
    [
        (Fields.with_username, "username", int),
        (Fields.by_email, None, uuid.UUID),
        (Fields.by_an_address_of_another_name, None, int),
        (Fields.by_an_address_in_a_text, None, str),
        (Fields.by_email_with_a_username, "username", int),
        (Fields.by_a_nickname, "nickname", int),
        (Fields.that_extends_another, None, uuid.UUID),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
@isolate_apps("accounts")
def test_a_name_is_a_text_that_is_no_address_and_a_key_has_its_type(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any], field: str | None, key: type
) -> None:
    monkeypatch.setattr(people, "User", make())
    assert people._name_field() == field
    assert people.key_type() is key


@pytest.mark.parametrize(
    ("user", "name"),
    [
        (SimpleNamespace(get_full_name=lambda: "Ann Lee", get_username=lambda: "ann@example.org"), "Ann Lee"),
        (SimpleNamespace(get_full_name=lambda: "", get_username=lambda: "ann@example.org"), "ann"),
        (SimpleNamespace(get_username=lambda: "ann@example.org"), "ann"),
        (SimpleNamespace(get_username=lambda: "ann"), "ann"),
    ],
)
def test_without_a_username_others_see_a_full_name_or_what_stands_before_the_at(
    monkeypatch: pytest.MonkeyPatch, user: Any, name: str
) -> None:
    monkeypatch.setattr(people, "NAME_FIELD", None)
    assert people.shown(user) == Shown(name)
    assert people.by_function()


# --- The project's functions ------------------------------------------------------------------------------------------
def test_without_functions_others_see_the_username_and_no_picture() -> None:
    assert people.shown(User(username="alice")) == Shown("alice", None)
    assert not people.by_function()


@pytest.mark.parametrize(
    ("setting", "function", "seen"),
    [
        ("CHAT_DISPLAY_NAME", "display_name", Shown("Dr alice")),
        ("CHAT_AVATAR", "avatar", Shown("alice", "/pictures/7.png")),
    ],
)
def test_each_function_is_for_one_thing(settings: Any, setting: str, function: str, seen: Shown) -> None:
    setattr(settings, setting, f"{__name__}.{function}")
    assert people.shown(User(pk=7, username="alice")) == seen
    assert people.by_function()


@pytest.mark.django_db
def test_a_caller_has_the_name_that_others_see(functions: None) -> None:
    identity = by_session(session_of(make_user("alice")))
    assert identity is not None
    assert identity.username == "Dr alice"


# --- What is kept -----------------------------------------------------------------------------------------------------
@pytest.fixture
def counted(settings: Any, db: None) -> None:
    settings.CHAT_DISPLAY_NAME = f"{__name__}.counted_name"


def test_a_user_is_asked_about_once_and_read_once(counted: None, django_assert_num_queries: Any) -> None:
    alice, bob = make_user("alice"), make_user("bob")
    with django_assert_num_queries(1):
        assert people.lookup([alice.pk, alice.pk]) == {alice.pk: Shown("Alice")}
    with django_assert_num_queries(1):
        assert people.lookup([alice.pk, bob.pk]) == {alice.pk: Shown("Alice"), bob.pk: Shown("Bob")}
    with django_assert_num_queries(0):
        people.lookup([bob.pk, alice.pk])
    assert asked == ["alice", "bob"]


def test_what_was_answered_is_kept_for_a_while_and_no_longer(counted: None, monkeypatch: pytest.MonkeyPatch) -> None:
    alice, now = make_user("alice"), 1_000.0
    monkeypatch.setattr(people, "monotonic", lambda: now)
    people.lookup([alice.pk])
    User.objects.update(username="alicia")
    now += KEPT_S - 1
    assert people.lookup([alice.pk]) == {alice.pk: Shown("Alice")}
    now += 1
    assert people.lookup([alice.pk]) == {alice.pk: Shown("Alicia")}
    now += KEPT_S - 1
    people.lookup([alice.pk])
    assert asked == ["alice", "alicia"]


def test_what_was_answered_is_forgotten_when_the_user_is_saved(counted: None) -> None:
    alice, bob = make_user("alice"), make_user("bob")
    people.lookup([alice.pk, bob.pk])
    alice.username = "alicia"
    alice.save(update_fields=["username"])
    assert people.lookup([alice.pk, bob.pk]) == {alice.pk: Shown("Alicia"), bob.pk: Shown("Bob")}
    assert asked == ["alice", "bob", "alice", "alicia"]  # before the save once more: is it a new name?


def test_users_who_are_no_more_are_left_out(counted: None) -> None:
    alice, bob = make_user("alice"), make_user("bob")
    bob.delete()
    assert people.lookup([alice.pk, bob.pk or 0, 99_999]) == {alice.pk: Shown("Alice")}
    assert people.lookup([]) == {}


def test_a_deactivated_user_keeps_the_name(counted: None) -> None:
    alice = make_user("alice", is_active=False)
    assert people.lookup([alice.pk]) == {alice.pk: Shown("Alice")}


def test_a_bounded_number_of_answers_is_kept(counted: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "MAX_KEPT", 2)
    for name in ("alice", "bob", "carol", "dave", "erin"):
        user = make_user(name)
        assert people.lookup([user.pk]) == {user.pk: Shown(name.title())}
        assert len(people._kept) <= 2


# --- Where they are seen, on both databases ---------------------------------------------------------------------------
def users_of(world: World) -> tuple[dict[str, str], dict[str, str]]:
    """Alice with her picture and bob without one, as frames have them."""
    alice = {"id": str(world.alice.pk), "username": "Dr alice", "avatar": f"/pictures/{world.alice.pk}.png"}
    return alice, {"id": str(world.bob.pk), "username": "Dr bob"}


def test_messages_their_repeats_and_their_changes_show_what_the_functions_say(
    functions: None, run: Run, world: World, published: list[Event]
) -> None:
    new = [world.new("one", "c"), world.new("two", author_id=world.bob.pk)]
    first, _ = run(post_messages, new)
    alice, bob = users_of(world)
    assert [frame["user"] for frame in frames(published)] == [alice, bob]
    [repeated] = run(post_messages, new[:1])
    assert (repeated, repeated.username, repeated.avatar) == (
        msgspec.convert(first, type(repeated), from_attributes=True), "Dr alice", alice["avatar"],
    )  # fmt: skip
    published.clear()
    run(edit_message, message_id=first.id, content="edited")
    assert [(frame["content"], frame["user"]) for frame in frames(published)] == [("edited", alice)]


def test_history_shows_what_the_functions_say(functions: None, run: Run, world: World) -> None:
    run(post_messages, [world.new("one"), world.new("two", author_id=world.bob.pk)])
    alice, bob = users_of(world)
    read = run(lambda: snapshot(room=world.access()))
    assert [frame["user"] for frame in msgspec.json.decode(read.history.payload)["messages"]] == [alice, bob]
    resumed = run(lambda: snapshot(room=world.access(), after=0))
    assert [frame["user"] for frame in msgspec.json.decode(resumed.history.payload)["messages"]] == [alice, bob]
    seen = run(page, user_id=world.alice.pk, name="lobby", limit=10)
    assert [msgspec.to_builtins(frame.user) for frame in seen] == [alice, bob]


def test_a_page_of_one_authors_messages_asks_about_them_once(
    settings: Any, run: Run, world: World, published: list[Event]
) -> None:
    settings.CHAT_DISPLAY_NAME = f"{__name__}.counted_name"
    run(post_messages, [world.new(str(number)) for number in range(20)])
    run(page, user_id=world.alice.pk, name="lobby", limit=50)
    assert asked == ["alice"]


def test_a_deleted_users_messages_are_a_deleted_users(functions: None, run: Run, world: World) -> None:
    run(post_messages, [world.new("one"), world.new("two", author_id=world.bob.pk)])
    run(page, user_id=world.alice.pk, name="lobby", limit=10)  # bob is kept
    run(lambda: User.objects.get(username="bob").delete())
    users = [frame.user for frame in run(page, user_id=world.alice.pk, name="lobby", limit=10)]
    assert [(user.id, user.username, user.avatar) for user in users][1] == ("0", "deleted user", None)
    assert users[0].username == "Dr alice"


def test_without_functions_no_user_is_read_for_a_name(run: Run, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_user_ids: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(people, "lookup", fail)
    run(post_messages, [world.new("one")])
    [frame] = run(page, user_id=world.alice.pk, name="lobby", limit=10)
    assert (frame.user.username, frame.user.avatar) == ("alice", None)
    assert run(Message.objects.count) == 1


# --- Whom a command names ---------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_user_is_named_by_the_username_in_any_spelling_of_it() -> None:
    user = make_user("zo\u00eb")
    assert people.find("zo\u00eb") == people.find("zoe\u0308") == user.pk
    assert people.find("zo") is None
    assert people.find(str(user.pk)) is None


@pytest.mark.django_db
def test_where_a_function_names_people_a_user_is_named_by_the_key(functions: None) -> None:
    user = make_user("alice")
    assert people.find(str(user.pk)) == user.pk
    for name in ("alice", "Dr alice", "9" * 40, "-1", ""):
        assert people.find(name) is None
