"""PostgreSQL prepares the statements that are used again and again."""

import pytest
from django.db import connection
from django.utils import timezone

from rooms import storage
from rooms.storage import NewMessage
from tests.support.rooms import Run, World


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_statements_of_posting_are_prepared_by_the_server(run: Run, world: World) -> None:
    def prepared() -> int:
        for _ in range(4):
            storage.dialect().store([NewMessage(world.room.pk, world.alice.pk, "hi")], [0], timezone.now(), wait=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s", ["%WITH ORDINALITY%"])
            return int(cursor.fetchone()[0])

    assert run(prepared) == 1
