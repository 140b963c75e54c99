"""Words of a text as the search knows them."""

import pytest

from rooms.words import Word, composed, has_link, keys, places, words


def texts(text: str) -> list[str]:
    return [word.text for word in words(composed(text))]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("well-known snake_case a.b", ["well", "known", "snake", "case", "a", "b"]),
        ("ＡＢＣ Straße ﬁne", ["abc", "strasse", "fine"]),
        ("cafe\u0301 café", ["café", "café"]),
        ("पानी اَلْعَرَبِيَّةُ", ["पानी", "اَلْعَرَبِيَّةُ"]),
        ("我们ok去", ["我", "们", "ok", "去"]),
        ("... !?", []),
    ],
)
def test_a_text_has_words_without_case_width_and_punctuation(text: str, found: list[str]) -> None:
    assert texts(text) == [composed(word) for word in found]


def test_a_word_knows_its_place() -> None:
    assert words("Say: Hi!") == [Word("say", 0, 3), Word("hi", 5, 7)]


def test_neighbours_without_spaces_are_indexed_as_pairs() -> None:
    assert keys(words("去北京 ok")) == {"去", "北", "京", "去北", "北京", "ok"}
    assert "京去" not in keys(words("北京，去")), "a comma stands between them"


def test_a_long_word_is_indexed_by_its_beginning_and_compared_whole() -> None:
    long = "a" * 100
    assert keys(words(long)) == {"a" * 64}
    assert places(words(long), [["a" * 99]]) is None


@pytest.mark.parametrize(
    ("phrases", "found"),
    [
        ([["to", "be"]], [(0, 5), (13, 18)]),
        ([["be", "or"]], [(3, 8)]),
        ([["be", "not"]], None),
        ([["or"], ["not"]], [(6, 8), (9, 12)]),
        ([["or"], ["missing"]], None),
        ([], []),
    ],
)
def test_phrases_are_found_where_their_words_stand_side_by_side(
    phrases: list[list[str]], found: list[tuple[int, int]] | None
) -> None:
    assert places(words("To be or not to be"), phrases) == found


def test_links_are_known() -> None:
    assert has_link("see HTTPS://example.org")
    assert not has_link("see https:// nothing")
