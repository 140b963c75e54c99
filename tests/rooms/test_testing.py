"""rooms.testing: a client for a project's tests, in their transaction, whose waits all end."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import structlog
from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import LazySettings
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

import rooms
from accounts import services
from rooms import database
from rooms.conf import conf
from rooms.errors import Refused
from rooms.live import bus, node, roster
from rooms.live.presence import MemoryPresence
from rooms.models import Message, Room
from rooms.services import changes
from rooms.services.rooms import create_room
from rooms.signals import message_posted
from rooms.testing import ChatClient, ChatTestCase, ChatTransactionTestCase, Failure, server
from tests.support.factories import make_room, make_user

MakeClient = Callable[..., ChatClient]


def post(chat: ChatClient, text: str, room: str = "general") -> dict[str, Any]:
    return chat.call("chat-message", roomId=room, content=text)


# --- The test's own transaction ---------------------------------------------------------------------------------------
def test_the_test_sees_what_the_chat_stores_and_the_chat_what_the_test_has_made(
    chat_client: MakeClient, people: Any
) -> None:
    room = make_room("made-by-the-test")
    with chat_client(people.alice) as chat:
        chat.join(room)
        assert post(chat, "Hello", room.name)["seq"] == 1
        assert Message.objects.get().content == "Hello"
        assert connection.in_atomic_block


def test_no_rate_is_in_the_way_but_one_that_the_test_sets(
    chat_client: MakeClient, people: Any, settings: LazySettings
) -> None:
    settings.CHAT_RATE_MESSAGES = "1/min burst 1"
    with chat_client(people.alice) as chat:
        chat.join("general")
        assert [post(chat, "Hello")["type"] for _ in range(3)] == ["ack"] * 3
        settings.CHAT_RATE_MESSAGES = "1/min burst 2"
        assert [post(chat, "Hello")["type"] for _ in range(3)] == ["ack", "ack", "error"]


@pytest.mark.django_db(transaction=True)
def test_with_real_transactions_too(chat_client: MakeClient, people: Any) -> None:
    with chat_client(people.alice) as chat, chat_client(people.bob) as other:
        for client in (chat, other):
            client.join("general")
        assert post(chat, "Hello")["type"] == "ack"
        assert other.expect("chat-message")["content"] == "Hello"
        assert not connection.in_atomic_block
        with transaction.atomic():
            rooms.post_message("general", people.bob, "In a transaction")
            chat.nothing("chat-message", content="In a transaction")
        chat.expect("chat-message", content="In a transaction")


@pytest.mark.django_db(transaction=True)
def test_the_connection_of_the_test_keeps_its_settings(chat_client: MakeClient, people: Any) -> None:
    before = pages_between_checkpoints()
    with chat_client(people.alice) as chat:
        chat.join("general")
        post(chat, "Hello")
    assert pages_between_checkpoints() == before


def pages_between_checkpoints() -> int:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_autocheckpoint")
        return int(cursor.fetchone()[0])


def test_the_statements_of_the_chat_are_counted(chat_client: MakeClient, people: Any) -> None:
    with chat_client(people.alice) as chat, CaptureQueriesContext(connection) as queries:
        chat.join("general")
    assert any('"chat_rooms_room"' in query["sql"] for query in queries)


def test_nothing_of_the_start_is_left_for_a_later_wait(chat_client: MakeClient) -> None:
    with chat_client() as chat, CaptureQueriesContext(connection) as queries:
        chat.nothing("error")
    assert not queries


# --- After the commit -------------------------------------------------------------------------------------------------
def test_what_python_code_posts_arrives_at_the_next_wait(chat_client: MakeClient, people: Any) -> None:
    with chat_client(people.alice) as chat:
        chat.join("general")
        stored = rooms.post_message("general", people.bob, "From a view")
        assert chat.expect("chat-message")["seq"] == stored.seq
        changes.edit_message(message_id=stored.id, content="Changed")
        assert chat.expect("message-edited")["content"] == "Changed"


def test_async_code_posts_in_the_transaction_of_the_test(chat_client: MakeClient, people: Any) -> None:
    with chat_client(people.alice) as chat:
        chat.join("general")
        async_to_sync(rooms.apost_message)("general", people.bob, "From an async view")
        assert chat.expect("chat-message")["content"] == "From an async view"


def test_an_open_atomic_block_sends_nothing_until_it_is_left(chat_client: MakeClient, people: Any) -> None:
    with chat_client(people.alice) as chat:
        with transaction.atomic():
            rooms.notify(people.alice, "inner")
            chat.nothing("notification")
        chat.expect("notification", event="inner")


def test_what_was_sent_before_an_open_block_arrives_within_it(chat_client: MakeClient, people: Any) -> None:
    with chat_client(people.alice) as chat:
        rooms.notify(people.alice, "before")
        with transaction.atomic():
            rooms.notify(people.alice, "inner")
            chat.expect("notification", event="before")
            chat.nothing("notification")


def test_a_block_that_is_rolled_back_sends_nothing(chat_client: MakeClient, people: Any) -> None:
    with chat_client(people.alice) as chat:
        with transaction.atomic():
            rooms.notify(people.alice, "never")
            transaction.set_rollback(True)
        chat.nothing("notification")


def test_what_the_test_did_before_its_first_client_reaches_nobody(chat_client: MakeClient, people: Any) -> None:
    rooms.notify(people.alice, "too early")
    with chat_client(people.alice) as chat:
        chat.nothing("notification")


def test_the_projects_own_functions_run_as_in_any_test(
    chat_client: MakeClient, people: Any, django_capture_on_commit_callbacks: Any
) -> None:
    called: list[str] = []
    with chat_client(people.alice) as chat:
        with django_capture_on_commit_callbacks(execute=True):
            rooms.notify(people.alice, "first")
            transaction.on_commit(called.clear)
            transaction.on_commit(partial(called.append, "mine"))
            transaction.on_commit(lambda: rooms.notify(people.alice, "second"))
            chat.expect("notification", event="first")
            assert called == []
        assert called == ["mine"]
        chat.expect("notification", event="second")
        chat.nothing("notification")  # the first is not sent twice


# --- People -----------------------------------------------------------------------------------------------------------
def test_a_token_signs_in(chat_client: MakeClient, people: Any) -> None:
    signed_in = services.open_sign_in(user=people.alice)
    with chat_client(token=signed_in.access) as chat:
        assert chat.join("general")["memberCount"] == 1


def test_nobody_is_signed_in_without_a_user(chat_client: MakeClient) -> None:
    with chat_client() as chat:
        assert chat.call("join-room", roomId="general")["code"] == "auth-required"
        chat.send("auth", token="no token")
        assert chat.expect("auth-failed")
        assert chat.closed() == 1008


def test_who_may_not_sign_in_is_named_at_once(chat_client: MakeClient) -> None:
    nobody = make_user("nobody", is_active=False)
    with pytest.raises(Failure, match="auth-success"):
        chat_client(nobody).connect()
    assert server._running is None


def test_a_logout_of_the_browser_closes_its_socket(chat_client: MakeClient, people: Any) -> None:
    browser = Client()
    browser.force_login(people.alice)
    with chat_client(client=browser) as chat, chat_client(people.alice) as other:
        browser.logout()
        assert chat.closed() == 4101
        other.nothing("error")
        with pytest.raises(Failure, match="closed: 4101"):
            chat.send("ping")


def test_clients_that_are_open_together_share_one_chat(chat_client: MakeClient, people: Any) -> None:
    with chat_client(people.alice) as alice, chat_client(people.bob) as bob:
        alice.join("general")
        assert bob.join("general")["memberCount"] == 2
        assert alice.expect("user-joined")["user"]["username"] == "bob"
        assert roster.online() == roster.online()
        assert [person.username for person in roster.online()] == ["alice", "bob"]
        post(alice, "Hello")
        assert bob.expect("chat-message")["user"]["username"] == "alice"


# --- The project's code -----------------------------------------------------------------------------------------------
def test_hooks_run_in_the_transaction_of_the_test(chat_client: MakeClient, people: Any, settings: Any) -> None:
    settings.CHAT_CAN_POST = f"{__name__}.only_bob"
    with chat_client(people.alice) as alice, chat_client(people.bob) as bob:
        for chat in (alice, bob):
            chat.join("general")
        assert post(alice, "Hello")["code"] == "forbidden"
        assert post(bob, "Hello")["type"] == "ack"
        with pytest.raises(Refused):
            rooms.post_message("general", people.alice, "Hello")


def only_bob(user: Any, room: Room) -> bool:
    return user.username == "bob"


def test_receivers_see_what_was_posted_before_a_wait_for_everything_is_over(
    chat_client: MakeClient, people: Any
) -> None:
    heard: list[str] = []

    def receive(message: Any, **_: Any) -> None:
        assert Message.objects.filter(pk=message.id).exists()
        heard.append(message.content)

    message_posted.connect(receive)
    try:
        with chat_client(people.alice) as chat:
            chat.join("general")
            chat.send("chat-message", roomId="general", content="By the socket")
            rooms.post_message("general", people.bob, "By Python")
            chat.nothing("error")
            assert sorted(heard) == ["By Python", "By the socket"]
    finally:
        message_posted.disconnect(receive)


def test_a_refused_join_is_a_failure(chat_client: MakeClient, people: Any) -> None:
    secret = make_room("secret", kind=Room.Kind.PRIVATE)
    with (
        chat_client(people.alice) as chat,
        pytest.raises(Failure, match=r"Joining was refused: .*This name is taken"),
    ):
        chat.join(secret)


# --- Failures ---------------------------------------------------------------------------------------------------------
def test_a_wait_ends_and_says_what_came_and_what_was_logged(chat_client: MakeClient, people: Any) -> None:
    with chat_client(people.alice) as chat:
        chat.call("join-room", roomId="general")
        with pytest.raises(Failure) as failure:
            chat.expect("ack", id="7", timeout=0.1)
    text = str(failure.value)
    assert 'Not within 0.1 s: {"type": "ack", "id": "7"}' in text
    assert '{"type": "message-history", "roomId": "general"' in text
    assert "info socket.opened" in text


def test_a_frame_that_should_not_have_come_is_shown(chat_client: MakeClient, people: Any) -> None:
    with chat_client(people.alice) as chat:
        rooms.notify(people.alice, "surprise")
        with pytest.raises(Failure, match="surprise"):
            chat.nothing("notification")


def test_a_close_ends_a_wait_at_once(chat_client: MakeClient) -> None:
    with chat_client() as chat:
        chat.send("auth", token="no token")
        with pytest.raises(Failure, match=r"Closed \(1008 .*\) before"):
            chat.expect("auth-success", timeout=60)


def test_an_exception_of_a_command_fails_the_test_with_its_traceback(
    chat_client: MakeClient, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise ZeroDivisionError

    with chat_client(people.alice) as chat:
        monkeypatch.setattr("rooms.sockets.commands.rooms.rooms.create_room", fail)
        with pytest.raises(Failure, match=r"socket\.failed") as failure:
            chat.call("create-room", roomId="general", timeout=60)
        assert isinstance(failure.value.__cause__, ZeroDivisionError)
        assert failure.value.__cause__.__traceback__ is not None


def test_an_exception_of_the_consumer_fails_the_test(chat_client: MakeClient, people: Any, settings: Any) -> None:
    settings.CHAT_DISPLAY_NAME = f"{__name__}.no_name"
    with pytest.raises(Failure, match="the consumer ended") as failure:
        chat_client(people.alice).connect()
    assert isinstance(failure.value.__cause__, ZeroDivisionError)


def no_name(_user: Any) -> str:
    raise ZeroDivisionError


def test_an_exception_that_no_wait_has_seen_fails_the_end(chat_client: MakeClient, people: Any) -> None:
    def fail(**_: Any) -> None:
        raise ZeroDivisionError

    message_posted.connect(fail)
    chat = chat_client(people.alice).connect()
    try:
        chat.join("general")
        chat.send("chat-message", roomId="general", content="Hello")
        with pytest.raises(Failure, match=r"signal\.receiver_failed"):
            chat.close()
    finally:
        message_posted.disconnect(fail)


def test_why_the_database_did_not_answer_is_in_the_text(chat_client: MakeClient, people: Any) -> None:
    with chat_client(people.alice) as chat:
        chat.join("general")
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {Message._meta.db_table} RENAME TO elsewhere")
        assert post(chat, "Hello")["code"] == "unavailable"
        with pytest.raises(Failure, match="no such table"):
            chat.expect("ack", timeout=0.1)


def test_a_hook_that_never_returns_is_ended_and_shown(chat_client: MakeClient, people: Any, settings: Any) -> None:
    settings.CHAT_CAN_POST = f"{__name__}.hang"
    with chat_client(people.alice, timeout=0.2) as chat:
        chat.join("general")
        with pytest.raises(Failure, match=r"A function did not return in time(.|\n)*threading\.Event\(\)\.wait\(\)"):
            chat.expect("ack", id=send_hello(chat))
        chat.expect("error", code="unavailable", timeout=0)
        settings.CHAT_CAN_POST = ""
        chat.expect("ack", id=send_hello(chat), timeout=5)


def test_what_a_late_hook_answers_is_seen_when_it_is_ended(chat_client: MakeClient, people: Any, settings: Any) -> None:
    settings.CHAT_CAN_POST, settings.CHAT_HOOK_BUDGET_MS = f"{__name__}.hang", 10
    with chat_client(people.alice, timeout=0.5) as chat:
        chat.join("general")
        assert post(chat, "Hello")["code"] == "unavailable"


def send_hello(chat: ChatClient) -> str:
    chat.send("chat-message", roomId="general", content="Hello", id="hello")
    return "hello"


def hang(_user: Any, _room: Room) -> None:
    threading.Event().wait()


def test_a_client_is_used_in_a_with_block(chat_client: MakeClient, people: Any) -> None:
    with pytest.raises(RuntimeError, match="not connected"):
        chat_client(people.alice).send("ping")


async def test_an_async_test_is_refused_instead_of_waiting_for_ever() -> None:
    with pytest.raises(RuntimeError, match="plain functions"):
        ChatClient().connect()


def test_another_thread_is_refused(chat_client: MakeClient) -> None:
    refused: list[str] = []

    def connect() -> None:
        try:
            ChatClient().connect()
        except RuntimeError as error:
            refused.append(str(error))

    with chat_client():
        thread = threading.Thread(target=connect)
        thread.start()
        thread.join()
    assert "one thread" in refused[0]


# --- Nothing is left behind -------------------------------------------------------------------------------------------
@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Checks after the fixtures of the test that its chat is gone with all that it used."""
    layer, processors = get_channel_layer(), list(structlog.get_config()["processors"])
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "chat-test"]
    assert not database.is_lent()
    assert node._node is None
    assert bus._running is None
    assert server._running is None
    assert get_channel_layer() is layer
    assert structlog.get_config()["processors"] == processors


def test_a_client_that_is_left_open_is_closed_after_the_test(
    nothing_left: None, chat_client: MakeClient, people: Any
) -> None:
    chat_client(people.alice).connect().join("general")


def test_a_test_that_fails_leaves_nothing_behind(nothing_left: None, chat_client: MakeClient, people: Any) -> None:
    def fail() -> None:
        with chat_client(people.alice) as chat:
            chat.send("chat-message", roomId="general", content="not joined")
            raise LookupError

    with suppress(LookupError):
        fail()
    assert server._running is None


def test_what_was_sent_is_done_before_the_end(nothing_left: None, chat_client: MakeClient, people: Any) -> None:
    with chat_client(people.alice) as chat:
        chat.join("general")
        for number in range(20):
            chat.send("chat-message", roomId="general", content=str(number))
    assert Message.objects.count() == 20


def test_presence_and_channel_layer_are_in_memory(
    nothing_left: None, chat_client: MakeClient, people: Any, settings: Any
) -> None:
    settings.CHAT_REDIS_URL = "redis://127.0.0.1:1/0"
    layer = get_channel_layer()
    with chat_client(people.alice):
        assert node._node is not None
        assert isinstance(node._node.presence, MemoryPresence)
        assert isinstance(get_channel_layer(), InMemoryChannelLayer)
        assert get_channel_layer() is not layer
    assert conf.CHAT_REDIS_URL == [{"address": settings.CHAT_REDIS_URL}]


# --- Django's test cases ----------------------------------------------------------------------------------------------
def assert_ended() -> None:
    assert server._running is None


class TestInDjangosTestCase(ChatTestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = make_user("alice")
        create_room(user_id=cls.alice.pk, name="general")

    def test_the_chat_sees_the_data_of_the_class(self) -> None:
        with self.chat_client(self.alice) as chat:
            assert post(chat, "Hello")["code"] == "not-in-room"
            chat.join("general")
            assert post(chat, "Hello")["seq"] == 1

    def test_what_follows_a_commit_is_done(self) -> None:
        with self.chat_client(self.alice) as chat:
            rooms.notify(self.alice, "hello")
            chat.expect("notification", event="hello")

    def test_a_client_that_is_left_open_is_closed_after_the_test(self) -> None:
        self.addCleanup(assert_ended)
        self.chat_client(self.alice).connect()
        assert server._running is not None


class TestInDjangosTransactionTestCase(ChatTransactionTestCase):
    def test_commits_are_real(self) -> None:
        with self.chat_client(make_user("alice")) as chat:
            chat.join("general")
            assert post(chat, "Hello")["seq"] == 1
            assert not connection.in_atomic_block
