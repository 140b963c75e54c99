"""What names, texts and times look like: letters of any language, one spelling, nothing that harms a reader."""

import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.conf import LazySettings
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import BadFrame, ChatError, TooLarge
from rooms.protocol.rules import room_name, text_content, timestamp


@pytest.mark.parametrize(
    "name",
    [
        "general",
        "a",
        "x" * 80,
        "dev-ops_2.0",
        "...",
        "हिन्दी",
        "नमस्ते-दुनिया",
        "聊天室",
        "日本語ー",
        "غرفة_المحادثة",
        "مَرحَبًا",
        "Привет",
        "ห้องแชท",
        "한국어",
        "٣٤",
    ],
)
def test_letters_of_any_language_name_a_room(name: str) -> None:
    assert room_name(name) == unicodedata.normalize("NFC", name)


def test_two_spellings_of_one_name_are_one_room() -> None:
    assert room_name("cafe\u0301") == room_name("caf\u00e9") == "caf\u00e9"
    assert room_name("e\u0301" * 80) == "\u00e9" * 80


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * 81,
        "é" * 81,
        "x" * 1_000_000,
        "two words",
        "a/b",
        "a\0b",
        "a\nb",
        "#general",
        "<b>",
        "😀",
        "a,b",
        "“q”",
        "a\u200bb",
        "\u202eabc",
        "\ud800",
        ".",
        "..",
        "\u3164",
        "\u0301",
        "a\ufe0f",
    ],
)
def test_a_name_outside_the_rule_is_refused(name: str) -> None:
    with pytest.raises(BadFrame):
        room_name(name)


@given(st.text(st.characters()))
def test_any_name_is_refused_or_has_one_spelling(name: str) -> None:
    try:
        spelled = room_name(name)
    except BadFrame:
        return
    assert 1 <= len(spelled) <= 80
    assert room_name(spelled) == spelled
    assert room_name(unicodedata.normalize("NFD", spelled)) == spelled


def test_the_text_of_a_message_stays_as_it_is(settings: LazySettings) -> None:
    settings.CHAT_MAX_CONTENT_CHARS = 10
    for text in (" <b>hi</b>", "हिन्दी 😀", "\n.\n", "x" * 10):
        assert text_content(text) == text


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", BadFrame),
        (" \t\n\u3000", BadFrame),
        ("\u200b\u2800\ufeff", BadFrame),
        ("a\0b", BadFrame),
        ("a\ud800", BadFrame),
        ("x" * 11, TooLarge),
    ],
    ids=["empty", "blank", "invisible", "nul", "lone surrogate", "long"],
)
def test_text_outside_the_rule_is_refused(text: str, error: type[ChatError], settings: LazySettings) -> None:
    settings.CHAT_MAX_CONTENT_CHARS = 10
    with pytest.raises(error):
        text_content(text)


def test_without_a_content_limit_any_length_is_taken(settings: LazySettings) -> None:
    settings.CHAT_MAX_CONTENT_CHARS = 0
    assert text_content("x" * 100_000)


def test_a_timestamp_is_utc_with_milliseconds_and_z() -> None:
    assert timestamp(datetime(2026, 1, 2, 3, 4, 5, 678_999, UTC)) == "2026-01-02T03:04:05.678Z"
    east = timezone(timedelta(hours=8))
    assert timestamp(datetime(2026, 1, 2, 3, 4, 5, tzinfo=east)) == "2026-01-01T19:04:05.000Z"
