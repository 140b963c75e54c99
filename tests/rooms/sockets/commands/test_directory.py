"""Finding people by a socket."""

from typing import Any

import pytest

from rooms.protocol.commands.directory import FindUsers
from tests.support.connections import Client

pytestmark = pytest.mark.django_db(transaction=True)


async def test_people_are_found_by_how_their_names_begin(alice: Client, people: Any) -> None:
    await alice.do(FindUsers(id="1", query="Ca"))
    carol = {"id": str(people.carol.pk), "username": "carol"}
    assert alice.frames == [{"type": "users", "id": "1", "query": "Ca", "users": [carol]}]
