"""Searching by a socket: soon after a message, it is found."""

from typing import Any

import pytest

from rooms import database
from rooms.errors import BadFrame, Forbidden, NoSuchRoom
from rooms.live.node import Node
from rooms.models import IndexedRoom, Room
from rooms.protocol.commands.posting import SendChatMessage
from rooms.protocol.commands.search import Search
from tests.support.connections import Client
from tests.support.machine import eventually

pytestmark = pytest.mark.django_db(transaction=True)


async def test_what_was_just_said_is_found_with_the_hits_marked(hall: Room, node: Node, alice: Client) -> None:
    await alice.join("hall")
    await alice.do(SendChatMessage(id="1", room_id="hall", content="The quick fox"))
    await eventually(lambda: alice.got("ack"))
    await node.indexer.tick()
    await alice.do(Search(id="2", query="fox"))
    [found] = alice.got("search-results")
    assert (found["id"], found["query"], "next" in found) == ("2", "fox", False)
    [result] = found["results"]
    assert (result["message"]["content"], result["message"]["seq"]) == ("The quick fox", 1)
    assert result["snippet"] == [{"text": "The quick ", "hit": False}, {"text": "fox", "hit": True}]


async def test_the_next_page_begins_where_this_one_ends(hall: Room, node: Node, alice: Client) -> None:
    await alice.join("hall")
    for n in range(3):
        await alice.do(SendChatMessage(id=str(n), room_id="hall", content=f"word {n}"))
    await eventually(lambda: len(alice.got("ack")) == 3)
    await node.indexer.tick()
    await alice.do(Search(query="word", limit=2))
    await alice.do(Search(query="word", limit=2, before=alice.got("search-results")[0]["next"]))
    pages = [[result["message"]["content"] for result in page["results"]] for page in alice.got("search-results")]
    assert pages == [["word 2", "word 1"], ["word 0"]]


async def test_a_search_that_is_turned_off_indexes_nothing_and_says_so(
    hall: Room, node: Node, alice: Client, settings: Any
) -> None:
    settings.CHAT_SEARCH_SHARE = 0
    await alice.join("hall")
    await alice.do(SendChatMessage(id="1", room_id="hall", content="The quick fox"))
    await eventually(lambda: alice.got("ack"))
    await node.indexer.tick()
    assert not await database.call(IndexedRoom.objects.exists)
    with pytest.raises(Forbidden):
        await alice.do(Search(query="fox"))


async def test_a_query_that_asks_for_nothing_and_a_room_of_others_are_refused(alice: Client) -> None:
    with pytest.raises(BadFrame):
        await alice.do(Search(query="  "))
    with pytest.raises(NoSuchRoom):
        await alice.do(Search(query="word", room_id="nowhere"))
