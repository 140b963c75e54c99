"""The setting CHAT_ISSUERS: good entries are taken, and what is wrong with others is said, without their secrets."""

from pathlib import Path
from typing import Any

import pytest

from rooms import checks, trust
from rooms.conf import conf

SECRET = "a-shared-secret-of-32-characters-or-more"
ENTRY = {"issuer": "https://login.example.com/", "audience": "chat", "secret": SECRET}
BY_URL = {"issuer": "https://login.example.com/", "audience": "chat", "jwks_url": "https://login.example.com/jwks.json"}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ENTRY.items() if key != name}


WRONG: list[tuple[Any, str]] = [
    ("issuer", "Expected `array`, got `str`"),
    ({}, "Expected `array`, got `object`"),
    (["issuer"], "Expected `object`, got `str` - at `$[0]`"),
    ([without("issuer")], "Object missing required field `issuer` - at `$[0]`"),
    ([ENTRY, without("audience")], "Object missing required field `audience` - at `$[1]`"),
    ([ENTRY | {"issuer": ""}], "Expected `str` of length >= 1 - at `$[0].issuer`"),
    ([ENTRY | {"issuer": "x" * 256}], "Expected `str` of length <= 255 - at `$[0].issuer`"),
    ([ENTRY | {"audience": None}], "Expected `str`, got `null` - at `$[0].audience`"),
    ([ENTRY | {"isuer": "x"}], "Object contains unknown field `isuer` - at `$[0]`"),
    ([ENTRY | {"claims": {"mail": "x"}}], "Object contains unknown field `mail` - at `$[0].claims`"),
    ([ENTRY | {"claims": {"subject": ""}}], "Expected `str` of length >= 1 - at `$[0].claims.subject`"),
    ([ENTRY | {"create": "yes"}], "Expected `bool`, got `str` - at `$[0].create`"),
    ([ENTRY | {"leeway_s": -1}], "Expected `int` >= 0 - at `$[0].leeway_s`"),
    ([ENTRY | {"leeway_s": 301}], "Expected `int` <= 300 - at `$[0].leeway_s`"),
    ([ENTRY | {"max_lifetime_s": 0}], "Expected `int` >= 1 - at `$[0].max_lifetime_s`"),
    ([ENTRY | BY_URL], "Needs exactly one of `jwks_url`, `jwks_file`, `jwks` and `secret` - at `$[0]`"),
    ([without("secret")], "Needs exactly one of `jwks_url`, `jwks_file`, `jwks` and `secret` - at `$[0]`"),
    ([ENTRY | {"secret": "x" * 31}], "`secret` must have at least 32 characters - at `$[0]`"),
    ([BY_URL | {"jwks_url": "file:///etc/keys"}], "`jwks_url` must begin with https:// and name a host - at `$[0]`"),
    ([BY_URL | {"jwks_url": "https:///keys"}], "`jwks_url` must begin with https:// and name a host - at `$[0]`"),
    ([BY_URL | {"jwks_url": "https://[/keys"}], "`jwks_url` must begin with https:// and name a host - at `$[0]`"),
    ([ENTRY | {"claims": {"roles": "roles"}}], "`claims.roles` and `groups` need each other - at `$[0]`"),
    ([ENTRY | {"groups": {"ops": "Moderators"}}], "`claims.roles` and `groups` need each other - at `$[0]`"),
    ([ENTRY, ENTRY], "Two entries have the same `issuer`"),
]


@pytest.mark.parametrize(("value", "text"), WRONG, ids=[text for _, text in WRONG])
def test_what_is_wrong_with_an_entry_is_said(value: Any, text: str) -> None:
    assert trust.problem(value, debug=False) == f"must be a list of issuers: {text}"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    entry = without("secret") | {"jwks_file": str(tmp_path / "jwks.json")}
    assert trust.problem([entry], debug=False) == "names no file in the `jwks_file` of https://login.example.com/"
    (tmp_path / "jwks.json").write_text("{}")
    assert trust.problem([entry], debug=False) is None


def test_keys_are_read_over_tls_except_in_development() -> None:
    entry = BY_URL | {"jwks_url": "http://login.example.com/jwks.json"}
    assert trust.problem([entry], debug=False) == "must have https:// in the `jwks_url` of https://login.example.com/"
    assert trust.problem([entry], debug=True) is None


@pytest.mark.parametrize("value", [[], (), [ENTRY], (BY_URL,), [without("secret") | {"jwks": {"keys": []}}]])
def test_good_entries_have_no_problem(value: Any) -> None:
    assert trust.problem(value, debug=False) is None


def test_what_an_entry_leaves_out_has_a_careful_default(settings: Any) -> None:
    settings.CHAT_ISSUERS = [ENTRY]
    [issuer] = conf.CHAT_ISSUERS
    assert (issuer.create, issuer.groups, issuer.claims.roles) == (False, {}, "")
    assert (issuer.leeway_s, issuer.max_lifetime_s) == (30, 3600)
    assert (issuer.claims.subject, issuer.claims.username, issuer.claims.email) == (
        "sub",
        "preferred_username",
        "email",
    )


def test_the_check_says_what_is_wrong_and_keeps_the_secret(settings: Any) -> None:
    settings.CHAT_ISSUERS = [ENTRY, ENTRY | {"issuer": 7}]
    [error] = [error for error in checks.settings_are_right() if error.id == "chat.E001"]
    assert error.msg == "CHAT_ISSUERS must be a list of issuers: Expected `str`, got `int` - at `$[1].issuer`."
    assert SECRET not in str(error)
