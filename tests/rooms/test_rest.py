"""How bodies and queries are read."""

from io import BytesIO
from typing import Any

import msgspec
import pytest
from django.http import QueryDict

from rooms import rest
from rooms.errors import BadFrame, BadJson, TooLarge


class Person(msgspec.Struct, rename="camel"):
    first_name: str
    age: int = 0


class Page(msgspec.Struct):
    limit: rest.Limit = 50
    after: str = ""


def parse(body: bytes) -> Any:
    return rest.JSONParser().parse(BytesIO(body))


def test_a_body_is_read_as_its_struct() -> None:
    assert rest.body(parse('{"firstName": "José", "else": 1}'.encode()), Person) == Person("José")


@pytest.mark.parametrize("data", [{}, [], None, 1, {"firstName": 1}, {"firstName": "a", "age": "1"}])
def test_a_body_of_another_shape_is_refused(data: Any) -> None:
    with pytest.raises(BadFrame):
        rest.body(data, Person)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'"\\ud800"', b"[" * 100_000, b"{}{}"])
def test_what_is_no_json_is_refused(body: bytes, settings: Any) -> None:
    settings.CHAT_MAX_FRAME_BYTES = 0
    with pytest.raises(BadJson):
        parse(body)


def test_a_body_may_be_as_large_as_a_frame_and_no_larger(settings: Any) -> None:
    settings.CHAT_MAX_FRAME_BYTES = 10
    assert parse(b'"12345678"') == "12345678"
    with pytest.raises(TooLarge):
        parse(b'"123456789"')


def test_a_limit_of_zero_is_none(settings: Any) -> None:
    settings.CHAT_MAX_FRAME_BYTES = 0
    assert parse(b'"%s"' % (b"x" * 100_000)) == "x" * 100_000


def test_numbers_of_a_query_are_text_there() -> None:
    assert rest.query(QueryDict("limit=7&after=a&else=1"), Page) == Page(7, "a")


def test_an_empty_query_has_the_defaults() -> None:
    assert rest.query(QueryDict(""), Page) == Page(50, "")


@pytest.mark.parametrize("limit", ["", "x", "0", "-1", "1.5", "9" * 30, "9" * 5000, "\0", "null"])
def test_a_query_outside_its_rule_is_refused(limit: str) -> None:
    with pytest.raises(BadFrame):
        rest.query({"limit": limit}, Page)
