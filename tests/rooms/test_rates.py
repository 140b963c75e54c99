"""A rate as settings write it."""

import pytest

from rooms.rates import Rate, parse


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("5/s burst 20", Rate(0.2, 20)),
        ("0.5/s burst 1", Rate(2.0, 1)),
        (" 1/min burst 10 ", Rate(60.0, 10)),
        ("6/h burst 3", Rate(600.0, 3)),
        ("0", None),
    ],
)
def test_a_rate_says_how_fast_tokens_come_and_how_many_there_may_be(text: str, rate: Rate | None) -> None:
    assert parse(text) == rate


@pytest.mark.parametrize(
    "text", ["", "5", "5/s", "5/day burst 2", "-1/s burst 2", "0/s burst 2", "5/s burst 0", "5/s burst 2.5", "x" * 99]
)
def test_anything_else_is_refused_with_what_it_must_be(text: str) -> None:
    with pytest.raises(ValueError, match="must be a rate such as 5/s burst 20"):
        parse(text)
