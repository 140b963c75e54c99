"""Who may have one more connection: how many a user and an address may have, and how fast they may come again."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import LazySettings

from rooms import database
from rooms.closes import SHUTDOWN
from rooms.errors import Unavailable
from rooms.live.node import Node
from rooms.sockets import admission, session
from tests.rooms.sockets.test_consumer import Socket
from tests.support.connections import identity_of
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)
Open = Callable[..., Awaitable[Socket]]
ADDRESS = "203.0.113.7"


@pytest.fixture
async def open_socket(node: Node, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """Opens a socket that is welcomed or refused, and signs a user in on it."""
    monkeypatch.setattr(session, "running", lambda: node)
    opened: list[Socket] = []

    async def open_socket(user: Any = None, address: str = ADDRESS) -> Socket:
        before = set(node.connections)
        socket = Socket(node, address=address)
        opened.append(socket)
        await eventually(lambda: socket.frames)
        if user is not None:
            [name] = set(node.connections) - before
            socket.connection = node.connections[name]
            await session.sign_in_by(node, socket.connection, lambda _: identity_of(user), "proof", "sign-in")
        await eventually(lambda: socket.got("auth-success") or user is None or socket.close)
        return socket

    yield open_socket
    for socket in opened:
        if not socket.served.done():
            await socket.hang_up()


@pytest.fixture
def clock(node: Node, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(node.rates, "clock", lambda: clock.now)
    return clock


# --- How many ---------------------------------------------------------------------------------------------------------
async def test_one_socket_of_a_user_too_many_is_closed_and_the_others_stay(
    open_socket: Open, people: SimpleNamespace, settings: LazySettings
) -> None:
    settings.CHAT_MAX_CONNECTIONS_PER_USER = 2
    first, second = await open_socket(people.alice), await open_socket(people.alice)
    third = await open_socket(people.alice)
    assert not third.got("auth-success")
    [error] = third.got("error")
    assert (error["id"], error["code"]) == ("sign-in", "forbidden")
    await eventually(lambda: third.close == (4105, "Too many connections"))
    assert first.close is None
    assert second.close is None
    assert (await open_socket(people.bob)).close is None
    await third.hang_up()
    await first.hang_up()
    await eventually(lambda: _sockets(second.node, people.alice) == 1)
    assert (await open_socket(people.alice)).got("auth-success")


def _sockets(node: Node, user: Any) -> int:
    places: Any = node.presence
    return int(places.places.get(0, {}).get(str(user.pk), 0))


async def test_one_socket_of_an_address_too_many_is_closed_and_the_others_stay(
    open_socket: Open, settings: LazySettings
) -> None:
    settings.CHAT_MAX_CONNECTIONS_PER_ADDRESS = 2
    first, _ = await open_socket(), await open_socket()
    third = await open_socket()
    assert [frame["type"] for frame in third.frames] == ["error"]
    await eventually(lambda: third.close == (4105, "Too many connections"))
    assert first.close is None
    assert (await open_socket(address="203.0.113.8")).got("welcome")
    await third.hang_up()
    await first.hang_up()
    assert (await open_socket()).got("welcome")


async def test_addresses_are_counted_no_longer_than_they_have_sockets(open_socket: Open, node: Node) -> None:
    socket = await open_socket()
    assert node.rates.sockets == {ADDRESS: 1}
    await socket.hang_up()
    assert node.rates.sockets == {}


@pytest.mark.parametrize(
    ("address", "owner"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", ""),
        ("testclient", ""),
    ],
)
def test_an_address_stands_for_itself_or_of_ipv6_for_its_network(address: str, owner: str) -> None:
    assert admission.owner(address) == owner


async def test_who_has_no_address_is_not_limited_by_it(open_socket: Open, settings: LazySettings) -> None:
    settings.CHAT_MAX_CONNECTIONS_PER_ADDRESS = 1
    settings.CHAT_RATE_ADDRESS_FRAMES = "1/h burst 1"
    for _ in range(3):
        assert (await open_socket(address="")).got("welcome")


# --- How fast ---------------------------------------------------------------------------------------------------------
async def test_who_comes_and_goes_too_fast_waits_and_open_sockets_are_spared(
    open_socket: Open, people: SimpleNamespace, clock: SimpleNamespace, settings: LazySettings
) -> None:
    settings.CHAT_RATE_CONNECTS, settings.CHAT_CONNECT_PAUSE_S = "15/min burst 3", 300
    stays = await open_socket(people.alice)
    for _ in range(3):
        await (await open_socket(people.alice)).hang_up()
    refused = await open_socket(people.alice)
    [error] = refused.got("error")
    assert error == error | {"code": "rate-limited", "bucket": "connects", "retryAfterMs": 300_000, "id": "sign-in"}
    await eventually(lambda: refused.close == (1013, "Reconnecting too often"))
    assert stays.close is None
    assert (await open_socket(people.bob)).got("auth-success"), "nobody else waits"
    clock.now += 299
    refused = await open_socket(people.alice)
    assert refused.got("error")[0]["retryAfterMs"] == 1000, "asking again does not prolong it"
    clock.now += 1
    for _ in range(3):
        again = await open_socket(people.alice)
        assert again.got("auth-success")
        await again.hang_up()


async def test_an_address_that_comes_and_goes_too_fast_waits_before_it_is_welcomed(
    open_socket: Open, clock: SimpleNamespace, settings: LazySettings
) -> None:
    settings.CHAT_RATE_ADDRESS_CONNECTS = "15/min burst 2"
    stays = await open_socket()
    for _ in range(2):
        await (await open_socket()).hang_up()
    refused = await open_socket()
    [error] = refused.frames
    assert (error["code"], error["bucket"], error["retryAfterMs"]) == ("rate-limited", "address-connects", 300_000)
    await eventually(lambda: refused.close == (1013, "Reconnecting too often"))
    assert stays.close is None
    assert (await open_socket(address="203.0.113.8")).got("welcome")


async def test_closes_that_a_draining_process_causes_do_not_count(
    open_socket: Open, node: Node, people: SimpleNamespace, settings: LazySettings
) -> None:
    settings.CHAT_RATE_CONNECTS = settings.CHAT_RATE_ADDRESS_CONNECTS = "1/h burst 1"
    sockets = [await open_socket(people.alice) for _ in range(3)]
    node.draining = True
    for socket in sockets:
        socket.connection.close(SHUTDOWN)
        await socket.hang_up()
    node.draining = False
    assert (await open_socket(people.alice)).got("auth-success")


async def test_a_socket_that_a_full_server_turned_away_does_not_count(
    open_socket: Open, settings: LazySettings
) -> None:
    settings.CHAT_RATE_ADDRESS_CONNECTS, settings.CHAT_MAX_CONNECTIONS = "1/h burst 1", 1
    await open_socket()
    for _ in range(3):
        socket = await open_socket()
        await eventually(lambda socket=socket: socket.close == (1013, "Server overloaded"))
        await socket.hang_up()
    settings.CHAT_MAX_CONNECTIONS = 2
    assert (await open_socket()).got("welcome")


async def test_a_pause_of_0_makes_nobody_wait(
    open_socket: Open, people: SimpleNamespace, settings: LazySettings
) -> None:
    settings.CHAT_RATE_CONNECTS, settings.CHAT_CONNECT_PAUSE_S = "1/h burst 1", 0
    for _ in range(3):
        socket = await open_socket(people.alice)
        assert socket.got("auth-success")
        await socket.hang_up()


# --- Guests -----------------------------------------------------------------------------------------------------------
async def test_a_guest_who_does_not_sign_in_is_closed(
    open_socket: Open, node: Node, people: SimpleNamespace, settings: LazySettings
) -> None:
    settings.CHAT_SIGN_IN_S = 10
    guest, alice = await open_socket(), await open_socket(people.alice)
    [connection] = [one for one in node.connections.values() if one.identity is None]
    assert alice.connection.timer is None, "who has signed in is not waited for"
    assert connection.timer is not None
    assert 9 < connection.timer.when() - node.loop.time() <= 10
    connection.timer._run()  # as the event loop does when it is due
    await eventually(lambda: guest.close == (1008, "Not signed in in time"))
    assert alice.close is None


async def test_a_guest_who_could_not_be_let_in_has_the_whole_time_again(
    open_socket: Open, node: Node, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHAT_SIGN_IN_S = 10
    guest = await open_socket()
    [connection] = node.connections.values()
    first = connection.timer

    async def away(*_: Any, **__: Any) -> None:
        raise Unavailable

    monkeypatch.setattr(database, "call", away)
    guest.say(type="auth", id="1", token="x")
    assert (await guest.answer("1"))["code"] == "unavailable"
    await eventually(lambda: connection.timer is not first)
    assert first is not None
    assert first.cancelled()


async def test_guests_may_stay_where_the_limit_is_off(open_socket: Open, node: Node, settings: LazySettings) -> None:
    settings.CHAT_SIGN_IN_S = 0
    await open_socket()
    [connection] = node.connections.values()
    assert connection.timer is None


async def test_the_frames_of_guests_of_one_address_are_bounded_together(
    open_socket: Open, people: SimpleNamespace, settings: LazySettings
) -> None:
    settings.CHAT_RATE_ADDRESS_FRAMES = "1/min burst 6"
    alice = await open_socket(people.alice)
    one, two = await open_socket(), await open_socket()
    for guest, number in ((one, "1"), (one, "2"), (two, "3")):
        guest.say_text(json.dumps({"type": "ping", "id": number}))
        assert (await guest.answer(number))["type"] == "pong"
    two.say(type="ping", id="4")
    refusal = await two.answer("4")
    assert (refusal["code"], refusal["bucket"]) == ("rate-limited", "address-frames")
    alice.say(type="ping", id="5")
    assert (await alice.answer("5"))["type"] == "pong", "who has signed in is not of the guests"
    late = await open_socket()
    await eventually(lambda: late.close == (1013, "Reconnecting too often"))
