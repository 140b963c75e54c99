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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("alice", "аlice"),
        ("general", "gеnеral"),
        ("scope", "ѕсоре"),
        ("room1", "rооm1"),
        ("Cop", "сор"),
        ("mailing", "mаilinɡ"),
        ("kiz", "kız"),
        ("кот", "ĸoт"),
        ("力", "カ"),
        ("ТОМ", "tom"),
        ("ΑΒΟ", "abo"),
    ],
)
def test_names_that_look_alike_are_one(one: str, other: str) -> None:
    assert names.key(one) != names.key(other)
    assert names.shape(one) == names.shape(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("alice", "alicé"),
        ("x2", "x3"),
        ("room1", "rooml"),
        ("user0", "userO"),
        ("load-1", "load-l"),
        ("corn", "com"),
        ("中文", "中义"),
        ("кит", "кот"),
        ("Ünïcode", "Unicode"),
    ],
)
def test_other_names_are_two(one: str, other: str) -> None:
    assert names.key(one) != names.key(other)
    assert names.shape(one) != names.shape(other)


@pytest.mark.parametrize("name", ["alicе", "paypаl-team", "team-Αlpha", "x_сat", "Москвa"])
def test_scripts_that_look_alike_are_not_mixed_within_a_word(name: str) -> None:
    assert not names.is_name(name, signs="-_")


@pytest.mark.parametrize("name", ["IT-отдел", "team_Αλφα", "Ünïcode", "русский2", "日本語abc", "ß", "한국abc"])
def test_other_scripts_and_other_words_are(name: str) -> None:
    assert names.is_name(name, signs="-_")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_spelling_of_a_name_has_one_key(name: str) -> None:
    key = names.key(name)
    spellings = [unicodedata.normalize(form, name) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    assert {names.key(spelling) for spelling in [*spellings, name.casefold(), key]} == {key}
    assert {names.shape(spelling) for spelling in spellings} == {names.shape(name)}


def test_a_text_within_another_turns_nothing_around() -> None:
    assert names.isolated("alice 张三") == "alice 张三"
    assert names.isolated("a\u202eb\u2069c\u2067") == "abc"
    assert names.isolated("דנה") == "\u2068דנה\u2069"
    assert names.isolated("\u2069ليلى") == "\u2068ليلى\u2069"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t\u3000",
        "\x00\x1b",
        "\u2800\u3164",
        "\u0301",
        " \u0301\u20dd\ufe0f",
        "\u200b\u0489",
        "\ufffc",
        "\U0001d159",
        "\U000e0067\U000e007f",
        "".join(INVISIBLE.values()),
    ],
)
def test_a_text_of_invisible_characters_is_blank(text: str) -> None:
    assert names.is_blank(text)


@pytest.mark.parametrize(
    "text", ["👩\u200d👧", "\u202ea", "\u06dd", "\U0001fae8", "\ue000", "\u0301a", "\u093f", "\ud800"]
)
def test_a_text_with_one_character_that_shows_is_not(text: str) -> None:
    assert not names.is_blank(text)
