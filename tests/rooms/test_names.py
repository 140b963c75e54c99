"""Names: which characters they may have, how they are stored, and which two are one name."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms import names

INVISIBLE = {
    "zero width space": "\u200b",
    "zero width joiner": "\u200d",
    "right-to-left override": "\u202e",
    "right-to-left isolate": "\u2067",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "Hangul filler": "\u3164",
    "halfwidth Hangul filler": "\uffa0",
    "Hangul choseong filler": "\u115f",
    "Hangul jungseong filler": "\u1160",
    "Khmer inherent vowel": "\u17b4",
    "Mongolian vowel separator": "\u180e",
    "combining grapheme joiner": "\u034f",
    "variation selector": "\ufe0f",
    "variation selector 256": "\U000e01ef",
    "tag": "\U000e0061",
    "Braille blank": "\u2800",
    "hieroglyph blank": "\U00013441",
    "no-break space": "\u00a0",
    "line separator": "\u2028",
    "escape": "\x1b",
}


@pytest.mark.parametrize(
    "name",
    [
        "alice",
        "हिन्दी",
        "ภาษาไทย",
        "தமிழ்",
        "မြန်မာ",
        "עִבְרִית",
        "العَرَبِيَّة",
        "Ελλάδα",
        "张三",
        "한국어",
        "ʻokina",
        "e\u0301",
        "7",
        "a.",
        "x²",
    ],
)
def test_letters_with_marks_of_every_script_are_a_name(name: str) -> None:
    assert names.is_name(name, signs=".")


@pytest.mark.parametrize("invisible", INVISIBLE.values(), ids=INVISIBLE.keys())
def test_a_character_that_shows_nothing_is_in_no_name(invisible: str) -> None:
    assert not names.is_name(invisible, signs="")
    assert not names.is_name(f"a{invisible}b", signs="")


@pytest.mark.parametrize(
    "text", ["", ".", "..", "\u0301", "\u093f\u0301", "\u0301a", "a b", "a/b", "😀", "\ud800", "a\0"]
)
def test_what_shows_no_letter_or_breaks_a_url_is_no_name(text: str) -> None:
    assert not names.is_name(text, signs="._-")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alice", "aLICE"),
        ("Öl", "öl"),
        ("STRASSE", "straße"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("ПРИВЕТ", "привет"),
        ("Ა", "ა"),
        ("ｄｏｒａ", "dora"),
        ("ﬁsh", "FISH"),
        ("Café", "cafe\u0301"),
    ],
)
def test_names_that_differ_only_in_case_width_or_spelling_are_one(one: str, other: str) -> None:
    assert names.key(one) == names.key(other)


@pytest.mark.parametrize(("one", "other"), [("alice", "alicé"), ("a", "а"), ("ı", "i"), ("x2", "x3")])
def test_other_names_are_two(one: str, other: str) -> None:
    assert names.key(one) != names.key(other)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_spelling_of_a_name_has_one_key(name: str) -> None:
    key = names.key(name)
    spellings = [unicodedata.normalize(form, name) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    assert {names.key(spelling) for spelling in [*spellings, name.casefold(), key]} == {key}


@pytest.mark.parametrize("text", ["", " \n\t\u3000", "\x00\x1b", "\u2800\u3164", "".join(INVISIBLE.values())])
def test_a_text_of_invisible_characters_is_blank(text: str) -> None:
    assert names.is_blank(text)


@pytest.mark.parametrize("text", ["👩\u200d👧", "\u202ea", "\u06dd", "\U0001fae8", "\ue000", "\u0301", "\ud800"])
def test_a_text_with_one_character_that_shows_is_not(text: str) -> None:
    assert not names.is_blank(text)
