"""Searching messages."""

from rooms import database
from rooms.live.connection import Connection
from rooms.live.node import Node
from rooms.protocol.commands.search import Search
from rooms.protocol.frames.search import SearchResults
from rooms.services.search import search_messages


async def search(_node: Node, connection: Connection, command: Search) -> None:
    page = await database.call(
        search_messages,
        user_id=connection.identity.user_id,
        query=command.query,
        name=command.name,
        before=command.before,
        limit=command.limit,
    )
    connection.send(SearchResults(id=command.id, query=command.query, results=page.results, next=page.next))


HANDLERS = {Search: search}
