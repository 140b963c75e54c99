"""The settings of the chat: their defaults, when they are read, and what each kind refuses."""

from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from rooms.conf import RATES, SETTINGS, Conf, conf
from rooms.rates import RULE, parse
from rooms.setting import Function, Number, RateLimit, Setting, Text, Words


def a_function() -> str:
    return "called"


NO_FUNCTION = 7


@pytest.mark.parametrize("name", SETTINGS)
def test_every_default_keeps_the_rule_of_its_setting(name: str) -> None:
    assert SETTINGS[name].problem(SETTINGS[name].default) is None


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_has_the_prefix_of_the_chat_and_knows_its_name(name: str) -> None:
    assert name.startswith("CHAT_")
    assert SETTINGS[name].name == name


# --- Reading ----------------------------------------------------------------------------------------------------------
def test_a_setting_that_the_project_does_not_set_has_its_default() -> None:
    with override_settings():
        del settings.CHAT_MAX_CONTENT_CHARS
        assert conf.CHAT_MAX_CONTENT_CHARS == SETTINGS["CHAT_MAX_CONTENT_CHARS"].default == 4_000


def test_a_setting_that_is_overridden_counts_while_it_is() -> None:
    before = conf.CHAT_MAX_CONTENT_CHARS
    with override_settings(CHAT_MAX_CONTENT_CHARS=7):
        assert conf.CHAT_MAX_CONTENT_CHARS == 7
        with override_settings(CHAT_MAX_CONTENT_CHARS=8):
            assert conf.CHAT_MAX_CONTENT_CHARS == 8
        assert conf.CHAT_MAX_CONTENT_CHARS == 7
    assert before == conf.CHAT_MAX_CONTENT_CHARS


def test_a_setting_is_read_once_until_it_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Any] = []
    read = Text.read

    def counted(self: Text, value: Any) -> Any:
        reads.append(value)
        return read(self, value)

    monkeypatch.setattr(Text, "read", counted)
    with override_settings(CHAT_SIGN_OUT_URL="one"):
        assert [conf.CHAT_SIGN_OUT_URL for _ in range(3)] == ["one"] * 3
        with override_settings(CHAT_SIGN_OUT_URL="two", CHAT_MAX_CONNECTIONS=1):
            assert conf.CHAT_SIGN_OUT_URL == "two"
    assert reads == ["one", "two"]


def test_each_rate_has_a_bucket_of_its_name() -> None:
    assert RATES["room-messages"] == "CHAT_RATE_ROOM_MESSAGES"
    with override_settings(CHAT_RATE_ROOM_MESSAGES="1/min burst 3"):
        assert parse("1/min burst 3") == conf.CHAT_RATE_ROOM_MESSAGES
    with override_settings(CHAT_RATE_ROOM_MESSAGES="0"):
        assert conf.CHAT_RATE_ROOM_MESSAGES is None


def test_a_function_is_named_by_its_path_and_called_by_nobody_for_an_empty_one() -> None:
    with override_settings(CHAT_DISPLAY_NAME=f"{__name__}.a_function"):
        assert conf.CHAT_DISPLAY_NAME is a_function
    for nothing in (None, ""):
        with override_settings(CHAT_DISPLAY_NAME=nothing):
            assert conf.CHAT_DISPLAY_NAME is None


def test_a_name_that_is_no_setting_is_an_error() -> None:
    with pytest.raises(AttributeError):
        conf.CHAT_MAX_CONECTIONS  # type: ignore[attr-defined]  # noqa: B018 - reading it is the point
    assert not hasattr(Conf, "CHAT_MAX_CONECTIONS")


# --- What is wrong with a value ---------------------------------------------------------------------------------------

RATE = RateLimit("5/s burst 20")
NUMBER, PERCENT, PATH, PLAIN = Number(5, minimum=1), Number(5, maximum=100), Text("/ws", r"/[a-z]+"), Setting(False)
RIGHT = [
    *((NUMBER, value) for value in (1, 10**9, 1.5)),
    *((PERCENT, value) for value in (0, 100)),
    *((PATH, value) for value in ("/ws", "/a")),
    *((Words([]), value) for value in ([], (), ["a", "b"], ("a",))),
    *((Function(), value) for value in (None, "", f"{__name__}.a_function")),
    *((PLAIN, value) for value in (True, False)),
    *((RATE, value) for value in ("1/min burst 3", "0", 0)),
]
WRONG = [
    *((NUMBER, value, "must be a number from 1") for value in (0, -1, "5", None, True, float("nan"), [5])),
    *((PERCENT, value, "must be a number from 0 to 100") for value in (-1, 101, 100.5)),
    *((PATH, value, "must be a text that matches /[a-z]+") for value in ("ws", "/ws/", "/WS", "", None, 7, b"/ws")),
    *((Words([]), value, "must be a list of texts") for value in ("a b", None, ["a", 1], {"a": 1}, 7)),
    *((RATE, value, RULE) for value in ("", "5", 5, None, True, ["5/s burst 20"])),
    *((PLAIN, value, "must be of type bool") for value in (1, 0, "yes", None)),
    (Function(), f"{__name__}.nothing", "must name a function by its dotted path: "),
    (Function(), "no.such.module.function", "must name a function by its dotted path: "),
    (Function(), "function", "must name a function by its dotted path: "),
    (Function(), a_function, "must name a function by its dotted path: "),
    (Function(), 7, "must name a function by its dotted path: "),
    (Function(), f"{__name__}.NO_FUNCTION", "must name a function"),
]


@pytest.mark.parametrize(("kind", "value"), RIGHT)
def test_a_value_that_keeps_the_rule_has_no_problem(kind: Setting[Any], value: Any) -> None:
    assert kind.problem(value) is None


@pytest.mark.parametrize(("kind", "value", "problem"), WRONG)
def test_a_value_that_breaks_the_rule_is_told_the_rule(kind: Setting[Any], value: Any, problem: str) -> None:
    found = kind.problem(value)
    assert found is not None
    assert found.startswith(problem) if problem.endswith(": ") else found == problem
