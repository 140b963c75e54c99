"""What somebody searches for, as it is read from one line."""

from datetime import UTC, datetime

import pytest

from rooms.errors import BadFrame
from rooms.searches import parse


def test_a_query_has_words_phrases_and_filters() -> None:
    found = parse('From:alice in:garden has:link after:2026-01-01 before:2026-02-01 "Exactly this" words 北京')
    assert found.phrases == [["exactly", "this"], ["words"], ["北", "京"]]
    assert found.keys == {"exactly", "this", "words", "北", "京", "北京"}
    assert (found.author, found.room, found.has_link) == ("alice", "garden", True)
    assert (found.since, found.until) == (datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC))


def test_a_message_may_have_to_have_several_things() -> None:
    assert (parse("has:file").has_link, parse("has:file").has_file) == (False, True)
    both = parse("has:link HAS:File")
    assert (both.has_link, both.has_file) == (True, True)


def test_a_quoted_value_and_an_open_quotation_are_read() -> None:
    assert parse('from:"Ana Maria" hi').author == "Ana Maria"
    assert parse('"never closed').phrases == [["never", "closed"]]


def test_what_only_looks_like_a_filter_is_a_word() -> None:
    assert parse("note: http://a").phrases == [["note"], ["http", "a"]]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("x" * 201, "200 characters"),
        ("  ...  ", "names a word"),
        ("a b c d e f g h i j k", "10 words"),
        ("has:wings", "`link` and `file`"),
        ("has:link has:wings", "`file`"),
        ("before:yesterday", "2026-01-31"),
        ("after:2026-02-30", "2026-01-31"),
        ("after:9999-12-31", "2026-01-31"),
    ],
)
def test_a_query_that_cannot_be_served_is_refused_with_what_is_wrong(query: str, says: str) -> None:
    with pytest.raises(BadFrame, match=says):
        parse(query)
