"""The project's own code calls the chat: from views, async views, another process, in transactions."""

import asyncio
from collections.abc import Callable

import pytest

from tests.host.conftest import Host
from tests.support.client import ChatClient


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def intranet(request: pytest.FixtureRequest, make_host: Callable[..., Host]) -> Host:
    """On both databases: these calls run inside the project's own transactions."""
    if request.param == "sqlite":
        return make_host(HOST_USERS="email")
    service = request.getfixturevalue("_postgres")
    service.ensure_running()
    return make_host(HOST_USERS="email", HOST_DATABASE=service.new_database())


def new_order(host: Host, number: int, customer: str = "anna") -> None:
    key = host.people[customer].key
    host.run(f"from shop.models import Order; Order.objects.create(id={number}, number={number}, customer_id='{key}')")


async def test_a_message_posted_by_a_view_reaches_the_room_after_the_commit(intranet: Host) -> None:
    new_order(intranet, 10)
    status, answer = await asyncio.to_thread(intranet.anna.post, "/enter/", key=intranet.anna.key)
    status, answer = await asyncio.to_thread(intranet.anna.post, "/orders/10/note/", text="Shipped")
    assert (status, answer) == (200, {"stored": 1})
    async with ChatClient.connect(intranet.ws_url, intranet.anna.token) as anna:
        await anna.call("join-room", roomId="order-10")
        await asyncio.to_thread(intranet.anna.post, "/orders/10/note/", text="Returned")
        assert (await anna.expect("chat-message"))["content"] == "Returned"


async def test_what_is_rolled_back_was_never_posted(intranet: Host) -> None:
    new_order(intranet, 11)
    intranet.anna.post("/enter/", key=intranet.anna.key)
    assert intranet.anna.post("/orders/11/note/", text="One") == (200, {"stored": 1})
    async with ChatClient.connect(intranet.ws_url, intranet.anna.token) as anna:
        await anna.call("join-room", roomId="order-11")
        assert await asyncio.to_thread(intranet.anna.post, "/orders/11/note/", text="No", fail="1") == (
            200,
            {"stored": 2},
        )
        assert await asyncio.to_thread(intranet.anna.post, "/orders/11/note/", text="Two") == (200, {"stored": 2})
        assert (await anna.expect("chat-message"))["content"] == "Two"
    assert not intranet.heard("posted order-11 No")
    assert intranet.heard("posted order-11 Two")


async def test_an_async_view_calls_too(intranet: Host) -> None:
    new_order(intranet, 12)
    intranet.anna.post("/enter/", key=intranet.anna.key)
    answer = await asyncio.to_thread(intranet.anna.post, "/orders/12/anote/", text="Hello")
    assert answer == (200, {"stored": 1, "room": "order-12"})


async def test_another_process_posts(intranet: Host) -> None:
    """As a task queue does; without a channel layer the serving process finds it in the database."""
    new_order(intranet, 13)
    intranet.anna.post("/enter/", key=intranet.anna.key)
    intranet.anna.post("/orders/13/note/", text="First")
    async with ChatClient.connect(intranet.ws_url, intranet.anna.token) as anna:
        await anna.call("join-room", roomId="order-13")
        code = (
            "import rooms; from shop.models import Order; "
            "order = Order.objects.get(number=13); print(rooms.post_message(order, order.customer, 'From a task').seq)"
        )
        assert await asyncio.to_thread(intranet.shell, code) == "2"
        assert (await anna.expect("chat-message", within=20))["content"] == "From a task"


async def test_a_notification_reaches_every_socket_of_its_user_and_nobody_else(intranet: Host) -> None:
    new_order(intranet, 14)
    intranet.ben.post("/enter/", key=intranet.ben.key)
    async with (
        ChatClient.connect(intranet.ws_url, intranet.anna.token) as desktop,
        ChatClient.connect(intranet.ws_url, intranet.anna.token) as phone,
        ChatClient.connect(intranet.ws_url, intranet.ben.token) as ben,
    ):
        await asyncio.to_thread(intranet.ben.post, "/orders/14/call/")
        for socket in (desktop, phone):
            frame = await socket.expect("notification")
            assert (frame["event"], frame["data"]) == ("asked-for", {"order": 14})
        await ben.nothing("notification")


def test_the_projects_code_opens_a_direct_room_and_reads_in_it(intranet: Host) -> None:
    code = (
        "import rooms; from people.models import Person\n"
        "anna, ben = (Person.objects.get(full_name=name) for name in ('Anna', 'Ben'))\n"
        "room = rooms.open_direct(anna, ben)\n"
        "assert rooms.open_direct(ben, anna) == room\n"
        "rooms.post_message(room, ben, 'One'); rooms.post_message(room, ben, 'Two')\n"
        "print(rooms.unread(anna)[room.name], rooms.mark_read(room, anna, 1), rooms.unread(anna)[room.name])\n"
        "print(rooms.mark_unread(room, anna, 0), rooms.unread(anna)[room.name])"
    )
    assert intranet.run(code).split() == ["2", "1", "1", "0", "2"]


def test_a_refusal_is_a_typed_error(intranet: Host) -> None:
    new_order(intranet, 15)
    intranet.ben.post("/enter/", key=intranet.ben.key)
    assert intranet.ben.post("/orders/15/note/", text="Hello") == (404, {"error": "no-such-room"})
    code = (
        "import rooms, sys; from people.models import Person; user = Person.objects.get(full_name='Anna')\n"
        "for call in (lambda: rooms.notify(user, 'x', object()), lambda: rooms.notify(user, 'x', 'y' * 70_000)):\n"
        "    try: call()\n"
        "    except rooms.ChatError as error: print(error.code)"
    )
    assert intranet.run(code).split() == ["bad-frame", "too-large"]


def test_signals_say_what_happened(intranet: Host) -> None:
    new_order(intranet, 16)
    intranet.run(
        "import rooms; from shop.models import Order\n"
        "order = Order.objects.get(number=16)\n"
        "stored = rooms.post_message(order, order.customer, 'One')\n"
        "rooms.edit_message(stored, order.customer, 'Two'); rooms.delete_message(stored, by=order.customer)"
    )
    intranet.anna.post("/enter/", key=intranet.anna.key)
    status, _ = intranet.anna.rest("/talk/api/rooms", {"name": "made-by-rest"})
    assert status == 201
    assert intranet.heard("created made-by-rest")
