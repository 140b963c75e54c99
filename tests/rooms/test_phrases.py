"""Phrases in texts: where a word begins and ends, and what does not count."""

import pytest

from rooms.phrases import Phrases, folded


def found(phrase: str, text: str) -> bool:
    return any(Phrases([phrase]).find(folded(text)))


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("spam", "Some SPAM, please"),
        ("spam", "ｓｐａｍ"),
        ("spam", "sp\u200bam\u00ad"),
        ("spam", "s\u2060p\ufe0fam"),
        ("buy now", "Buy \n\u3000 now!"),
        ("spam*", "spammers"),
        ("*spam", "antispam"),
        ("*spam*", "antispammers"),
        ("*ass*", "class"),
        ("STRASSE", "straße"),
        ("広告", "これは広告です"),
        ("加微信", "请加微信号"),
        ("spam", "这是spam吗"),
        ("โฆษณา", "นี่คือโฆษณานะ"),
        ("$$$", "a$$$b"),
        ("हिन्दी", "यह हिन्दी है"),
        ("a*", "a"),
        ("é", "cafe\u0301 e\u0301"),
    ],
)
def test_a_phrase_is_found(phrase: str, text: str) -> None:
    assert found(phrase, text)


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("spam", "spammers"),
        ("spam", "antispam"),
        ("spam", "spam1"),
        ("spam*", "antispam"),
        ("*spam", "spammers"),
        ("buy now", "buynow"),
        ("हिन", "हिन्दी"),
        ("é", "café"),
        ("加微信", "加 微信"),
        ("кот", "который"),
        ("a.c", "abc"),
    ],
)
def test_another_word_is_not(phrase: str, text: str) -> None:
    assert not found(phrase, text)


def test_a_phrase_is_found_beside_one_place_where_it_is_none() -> None:
    assert [place.start for _, place in Phrases(["spam"]).find("spams spam aspam spam")] == [6, 17]


def test_every_phrase_of_a_text_is_found() -> None:
    phrases = Phrases(["one", "on*", "two words", "*o*", "广告", "none"])
    assert {phrase.written for phrase, _ in phrases.find("one two words 广告")} == {
        "one", "on*", "two words", "*o*", "广告",
    }  # fmt: skip
