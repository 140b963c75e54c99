"""Rooms of the project's own objects: who may see an order may enter its room, as long as that is so."""

import asyncio

import pytest

from tests.host.conftest import Host
from tests.support.client import ChatClient


@pytest.fixture(autouse=True)
def _entered(intranet: Host) -> None:
    for visitor in (intranet.anna, intranet.eve):
        visitor.post("/enter/", key=visitor.key)


def order(host: Host, number: int, text: str = "Hello") -> str:
    """The name of the room of a new order of anna's, in which something was said."""
    values = f"id={number}, number={number}, customer_id={host.anna.key!r}"
    host.run(f"from shop.models import Order; Order.objects.create({values})")
    assert host.anna.post(f"/orders/{number}/note/", text=text) == (200, {"stored": 1})
    return f"order-{number}"


def change(host: Host, number: int, **fields: object) -> None:
    values = ", ".join(f"{name}={value!r}" for name, value in fields.items())
    host.run(f"from shop.models import Order; Order.objects.filter(number={number}).update({values})")


async def test_who_may_see_the_object_enters_and_nobody_else_learns_of_the_room(intranet: Host) -> None:
    room = order(intranet, 30)
    async with (
        ChatClient.connect(intranet.ws_url, intranet.anna.token) as anna,
        ChatClient.connect(intranet.ws_url, intranet.ben.token) as ben,
        ChatClient.connect(intranet.ws_url, intranet.eve.token) as eve,
    ):
        for allowed in (anna, eve):
            assert (await allowed.call("join-room", roomId=room))["type"] == "room-joined"
        for command, code in (("join-room", "conflict"), ("get-history", "no-such-room")):
            assert (await ben.call(command, roomId=room))["code"] == code
        assert room not in [one["id"] for one in (await ben.call("get-rooms"))["rooms"]]
    for path in (f"/talk/api/rooms/{room}", f"/talk/api/rooms/{room}/messages"):
        assert intranet.ben.rest(path)[0] == 404
        assert intranet.anna.rest(path)[0] == 200
    assert intranet.ben.rest(f"/talk/api/rooms/{room}/messages", {"content": "Hello"})[0] == 404


def test_title_and_link_are_the_objects(intranet: Host) -> None:
    room = order(intranet, 31)
    _, shown = intranet.anna.rest(f"/talk/api/rooms/{room}")
    assert (shown["title"], shown["kind"]) == ("Order 31", "object")
    assert shown["link"] == "/orders/31/"


async def test_who_may_not_see_it_any_more_is_out_at_the_next_lease(intranet: Host) -> None:
    room = order(intranet, 32)
    async with ChatClient.connect(intranet.ws_url, intranet.anna.token) as anna:
        await anna.call("join-room", roomId=room)
        await asyncio.to_thread(change, intranet, 32, is_secret=True)
        assert intranet.anna.rest(f"/talk/api/rooms/{room}/messages")[0] == 404  # each read asks
        assert (await anna.expect("error", within=20))["code"] == "no-such-room"
        await anna.expect("room-left", roomId=room)
        answer = await anna.call("chat-message", roomId=room, content="Still here")
        assert answer["code"] == "not-in-room"


async def test_the_room_of_an_object_that_is_gone_is_closed(intranet: Host) -> None:
    room = order(intranet, 33)
    async with ChatClient.connect(intranet.ws_url, intranet.eve.token) as eve:
        await eve.call("join-room", roomId=room)
        code = "from shop.models import Order; Order.objects.get(number=33).delete()"
        await asyncio.to_thread(intranet.run, code)
        await eve.expect("room-left", within=20, roomId=room)
    code = f"from rooms.models import Room; print(Room.objects.get(name={room!r}).closed_at is not None)"
    assert intranet.run(code) == "True"


async def test_a_name_that_somebody_took_before_opens_nothing(intranet: Host) -> None:
    async with ChatClient.connect(intranet.ws_url, intranet.ben.token) as ben:
        await ben.call("join-room", roomId="order-34")
        await ben.call("chat-message", roomId="order-34", content="Mine")
        await asyncio.to_thread(order, intranet, 34)
        code = "import rooms; from shop.models import Order; print(rooms.room_for(Order.objects.get(number=34)).name)"
        room = await asyncio.to_thread(intranet.run, code)
        assert room.startswith("order-34-")
        assert (await ben.call("join-room", roomId=room))["message"] == "This name is taken"
        history = await ben.call("get-history", roomId="order-34")
        assert [message["content"] for message in history["messages"]] == ["Mine"]


def test_a_room_that_was_removed_leaves_its_object_free_for_another(intranet: Host) -> None:
    order(intranet, 35)
    code = (
        "import rooms; from rooms.services.rooms import remove_room; from shop.models import Order\n"
        "order = Order.objects.get(number=35); first = rooms.room_for(order)\n"
        "remove_room(room_id=first.pk); print(rooms.room_for(order).pk != first.pk)"
    )
    assert intranet.run(code) == "True"
