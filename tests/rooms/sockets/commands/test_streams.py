"""Writing a message in pieces by a socket, and reading and stopping it."""

from types import SimpleNamespace
from typing import Any

import pytest

from rooms import database
from rooms.errors import BadFrame, Forbidden, NoSuchMessage, NotInRoom, RateLimited
from rooms.models import Room
from rooms.protocol.commands.streams import AppendMessage, EndMessage, GetStream, StartMessage, StopMessage
from rooms.services.posting import post_message
from tests.support.connections import Client
from tests.support.machine import eventually
from tests.support.rooms import restrict
from tests.support.streams import make_bot

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def bot(node: Any, hall: Room) -> Client:
    client = Client(node)
    await client.sign_in(await database.call(make_bot, hall))
    await client.join("hall")
    return client


async def start(bot: Client, **fields: Any) -> str:
    await bot.do(StartMessage(id="start", room_id="hall", **fields))
    message_id: str = bot.got("ack")[-1]["messageId"]
    return message_id


async def test_a_text_grows_for_all_and_each_piece_is_acknowledged(hall: Room, bot: Client, alice: Client) -> None:
    author = alice.connection.identity.user_id
    question = await database.call(post_message, room_id=hall.pk, author_id=author, content="Why?")
    await alice.join("hall")
    message_id = await start(bot, reply_to=str(question.id))
    [ack] = bot.got("ack")
    assert {**ack, "timestamp": ""} == {
        "type": "ack", "id": "start", "roomId": "hall", "messageId": message_id, "seq": 2, "timestamp": "", "offset": 0,
    }  # fmt: skip
    place = {"roomId": "hall", "messageId": message_id, "seq": 2}
    for number, (offset, text) in enumerate([(0, "Be"), (2, "cau"), (5, "se.")]):
        await bot.do(AppendMessage(id=str(number), room_id="hall", message_id=message_id, offset=offset, text=text))
    await bot.connection.settled()
    assert bot.got("ack")[1:] == [
        {"type": "ack", "id": str(number), **place, "offset": length} for number, length in enumerate([2, 5, 8])
    ]
    [append] = alice.got("message-append")
    assert append == {"type": "message-append", **place, "offset": 0, "text": "Because."}
    await alice.do(GetStream(id="g", room_id="hall", message_id=message_id, offset=2))
    assert alice.got("stream") == [{"type": "stream", "id": "g", **place, "offset": 2, "text": "cause."}]
    await bot.do(EndMessage(id="end", room_id="hall", message_id=message_id))
    assert bot.got("ack")[-1] == {"type": "ack", "id": "end", **place, "changedSeq": 3}
    await eventually(lambda: alice.got("message-edited"))
    assert alice.got("message-edited")[0]["content"] == "Because."


async def test_who_asked_stops_it_and_the_bot_is_refused_more(hall: Room, bot: Client, alice: Client) -> None:
    await alice.join("hall")
    author = alice.connection.identity.user_id
    question = await database.call(post_message, room_id=hall.pk, author_id=author, content="Why?")
    message_id = await start(bot, reply_to=str(question.id))
    await alice.do(StopMessage(id="s", room_id="hall", message_id=message_id))
    assert alice.got("ack")[-1]["changedSeq"] == 3
    await bot.do(AppendMessage(id="late", room_id="hall", message_id=message_id, offset=0, text="late"))
    await eventually(lambda: bot.got("error"))
    assert [(error["id"], error["code"]) for error in bot.got("error")] == [("late", "stream-over")]
    await eventually(lambda: bot.got("message-edited"))
    assert bot.got("message-edited")[-1]["interrupted"] is True


async def test_a_conflict_says_where_the_text_goes_on(bot: Client) -> None:
    message_id = await start(bot)
    await bot.do(AppendMessage(id="1", room_id="hall", message_id=message_id, offset=0, text="12345"))
    await bot.do(AppendMessage(id="2", room_id="hall", message_id=message_id, offset=9, text="x"))
    await bot.connection.settled()
    [error] = bot.got("error")
    assert (error["id"], error["code"], error["offset"]) == ("2", "conflict", 5)


async def test_a_bot_that_begins_again_goes_on(bot: Client) -> None:
    message_id = await start(bot, client_id="one")
    await bot.do(AppendMessage(room_id="hall", message_id=message_id, offset=0, text="12345"))
    await bot.connection.settled()
    assert await start(bot, client_id="one") == message_id
    assert bot.got("ack")[-1]["offset"] == 5


async def test_who_joins_meanwhile_has_all_of_it(bot: Client, alice: Client) -> None:
    message_id = await start(bot)
    await bot.do(AppendMessage(room_id="hall", message_id=message_id, offset=0, text="before "))
    await bot.connection.settled()
    _, _, shown = await alice.join("hall")
    assert len(shown.texts) == 1
    await bot.do(AppendMessage(room_id="hall", message_id=message_id, offset=7, text="after"))
    await bot.connection.settled()
    assert [(frame["offset"], frame["text"]) for frame in alice.got("message-append")] == [(7, "after")]


async def test_a_member_who_may_not_see_the_message_gets_no_piece(
    hall: Room, bot: Client, bob: Client, people: SimpleNamespace
) -> None:
    message_id = await start(bot)
    await database.call(restrict, hall, people.bob, visible_from_seq=1)
    await bob.join("hall")
    await bot.do(AppendMessage(room_id="hall", message_id=message_id, offset=0, text="hidden"))
    await bot.connection.settled()
    assert bot.got("message-append")
    assert bob.got("message-append") == []


@pytest.mark.parametrize("offset", [0, 1])
async def test_bad_input_is_refused_at_once(bot: Client, alice: Client, offset: int) -> None:
    message_id = await start(bot)
    for error, fields in [
        (NoSuchMessage, {"message_id": "x", "text": "x"}),
        (BadFrame, {"message_id": message_id, "text": "a\0"}),
        (NotInRoom, {"message_id": message_id, "text": "x", "room_id": "elsewhere"}),
    ]:
        with pytest.raises(error):
            await bot.do(AppendMessage(**{"room_id": "hall", "offset": offset, **fields}))
    with pytest.raises(NoSuchMessage):
        await bot.do(StartMessage(room_id="hall", reply_to="x"))
    with pytest.raises(NotInRoom):
        await bot.do(StartMessage(room_id="elsewhere"))
    await alice.join("hall")
    with pytest.raises(Forbidden):
        await alice.do(StartMessage(room_id="hall"))


async def test_beginnings_count_as_messages(bot: Client, settings: Any) -> None:
    settings.CHAT_RATE_ROOM_MESSAGES = "1/min burst 1"
    await start(bot)
    with pytest.raises(RateLimited):
        await start(bot)


async def test_silence_is_noticed_by_the_node(bot: Client, alice: Client, settings: Any) -> None:
    settings.CHAT_STREAM_IDLE_S = 0.001
    await alice.join("hall")
    await start(bot)
    await bot.node.streams.interrupt_idle()
    await eventually(lambda: alice.got("message-edited"))
    assert alice.got("message-edited")[0]["interrupted"] is True
