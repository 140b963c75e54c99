"""Finding people by the beginning of their names."""

from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from rooms.models import Membership
from rooms.services.directory import find_users
from tests.support.factories import make_room, make_user
from tests.support.rooms import Run, World


def first_name(user: Any) -> str:
    return user.first_name or user.username


def found(run: Run, asker: Any, query: str, limit: int = 10) -> list[str]:
    return [user.username for user in run(find_users, user_id=asker.pk, query=query, limit=limit)]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("an", ["Ana", "anatol", "Ángel"]),
        ("ANA", ["Ana", "anatol"]),
        ("ａｎａ", ["Ana", "anatol"]),  # wide letters
        ("张", ["张三"]),
        ("na", []),  # within a name
        ("ana%", []),
        ("a_a", []),
        ("  ana ", ["Ana", "anatol"]),
        (" ", []),
    ],
)
def test_people_are_found_by_how_their_names_begin(run: Run, world: World, query: str, names: list[str]) -> None:
    run(lambda: [make_user(name) for name in ("anatol", "Ana", "Ángel", "banana", "张三")])
    expected = [name for name in names if name != "Ángel"]  # an accent is another letter
    assert found(run, world.alice, query) == expected


def test_neither_the_asker_nor_who_is_not_active_is_found(run: Run, world: World) -> None:
    run(lambda: [make_user("alina"), make_user("alison", is_active=False)])
    assert found(run, world.alice, "ali") == ["alina"]


def test_no_more_than_the_limit_are_found_by_name(run: Run, world: World) -> None:
    run(lambda: [make_user(f"zoe{number:02}") for number in reversed(range(60))])
    assert found(run, world.alice, "zoe", 2) == ["zoe00", "zoe01"]
    assert len(found(run, world.alice, "zoe", 1_000)) == 50


@pytest.mark.parametrize(("findable", "names"), [("everybody", ["zoe", "zora"]), ("members", ["zoe"]), ("nobody", [])])
def test_a_setting_says_whom_one_finds(run: Run, world: World, findable: str, names: list[str]) -> None:
    def meet() -> None:
        shared, left = make_room("shared"), make_room("left")
        zoe, zora = make_user("zoe"), make_user("zora")
        members = [(shared, world.alice, "member"), (shared, zoe, "member")]
        members += [(left, world.alice, "none"), (left, zora, "member")]
        for room, user, role in members:
            Membership.objects.create(room=room, user=user, role=role)

    run(meet)
    with override_settings(CHAT_FINDABLE=findable):
        assert found(run, world.alice, "zo") == names


def test_names_that_a_function_gives_are_compared_among_people_of_ones_rooms(run: Run, world: World) -> None:
    def meet() -> None:
        room = make_room("shared")
        for user in (world.alice, make_user("u1", first_name="Zoe"), make_user("u2", first_name="Ben")):
            Membership.objects.create(room=room, user=user)
        make_user("u3", first_name="Zora")

    run(meet)
    with override_settings(CHAT_DISPLAY_NAME=f"{__name__}.first_name"):
        assert found(run, world.alice, "zo") == ["Zoe"]


def test_the_index_of_names_answers(run: Run, world: World) -> None:
    def plan() -> str:
        with CaptureQueriesContext(connection) as queries:
            find_users(user_id=world.alice.pk, query="zo", limit=10)
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET enable_seqscan = off")
            prefix = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
            cursor.execute(prefix + queries.captured_queries[0]["sql"])
            return "\n".join(str(row) for row in cursor.fetchall())

    assert "username_key" in run(plan)
