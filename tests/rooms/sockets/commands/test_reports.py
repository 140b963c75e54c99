"""Reporting by a socket: the answer is the same whatever became of it, and nobody else is sent anything."""

import pytest

from rooms import database
from rooms.errors import NoSuchMessage
from rooms.models import Report, Room
from rooms.protocol.commands.reports import ReportMessage, ReportUser
from rooms.services.posting import post_message
from tests.support.connections import Client

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_report_is_acknowledged_and_nobody_else_learns_of_it(hall: Room, alice: Client, bob: Client) -> None:
    said = await database.call(
        post_message, room_id=hall.pk, author_id=alice.connection.identity.user_id, content="rude"
    )
    for client in (alice, bob):
        await client.join("hall")
    before = list(alice.frames)
    for number in ("1", "2"):
        await bob.do(ReportMessage(id=number, room_id="hall", message_id=str(said.id), reason="rude"))
    await bob.do(ReportUser(id="3", username="alice", reason="rude", room_id="hall"))
    assert bob.got("ack") == [{"type": "ack", "id": number} for number in ("1", "2", "3")]
    assert alice.frames == before
    assert await database.call(Report.objects.count) == 2


async def test_a_message_that_is_not_there_is_refused(hall: Room, bob: Client) -> None:
    with pytest.raises(NoSuchMessage):
        await bob.do(ReportMessage(room_id="hall", message_id="1", reason=""))
    assert bob.frames == []
