"""Blocking people by a socket."""

import pytest

from rooms.errors import NoSuchUser
from rooms.protocol.commands.blocks import BlockUser, GetBlocks
from tests.support.connections import Client
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_block_is_acknowledged_and_sent_to_the_blockers_connections_alone(
    alice: Client, bob: Client, people
) -> None:
    other = Client(alice.node)
    await other.sign_in(people.alice)
    await alice.do(BlockUser(id="1", username="bob", on=True))
    bob_ref = {"id": str(people.bob.pk), "username": "bob"}
    for client in (alice, other):
        await eventually(lambda client=client: client.got("blocks") == [{"type": "blocks", "users": [bob_ref]}])
    assert alice.got("ack") == [{"type": "ack", "id": "1"}]
    await alice.do(GetBlocks(id="2"))
    assert alice.frames[-1] == {"type": "blocks", "id": "2", "users": [bob_ref]}
    assert bob.frames == []


async def test_a_block_of_nobody_is_refused(alice: Client) -> None:
    with pytest.raises(NoSuchUser):
        await alice.do(BlockUser(username="nobody", on=True))
    assert alice.frames == []
