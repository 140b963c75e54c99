"""The last guard of the logs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.redaction import clean, guard

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOiIxIn0.c2lnbmF0dXJl"


def guarded(**fields: Any) -> dict[str, Any]:
    return dict(guard(None, "info", {"event": "socket.opened", **fields}))


@pytest.mark.parametrize(
    "name",
    ["token", "access_token", "refreshToken", "password", "new_password", "Authorization", "cookie", "Set-Cookie",
     "content", "message", "text", "body", "frame", "data", "secret", "client_secret", "session_key", "sessionid"],
)  # fmt: skip
def test_fields_named_like_secrets_or_message_text_are_dropped(name: str) -> None:
    assert guarded(**{name: "hidden"}, room="lobby") == {"event": "socket.opened", "room": "lobby"}


def test_counts_are_not_text() -> None:
    assert guarded(messages=3, frames=7, token=5) == {"event": "socket.opened", "messages": 3, "frames": 7}


def test_nested_fields_are_dropped_too() -> None:
    fields = guarded(headers={"Cookie": "hidden", "Host": "here"}, commands=[{"content": "hidden", "id": "1"}])
    assert fields["headers"] == {"Host": "here"}
    assert fields["commands"] == [{"id": "1"}]


@pytest.mark.parametrize(
    ("url", "cleaned"),
    [
        ("/ws?token=hidden", "/ws?token=[redacted]"),
        ("/ws?a=1&access_token=hidden&b=2", "/ws?a=1&access_token=[redacted]&b=2"),
        ("/ws?%74oken=hidden", "/ws?%74oken=[redacted]"),
        ('"WebSocket /ws?TOKEN=hidden" [accepted]', '"WebSocket /ws?TOKEN=[redacted]" [accepted]'),
        ("/ws?token=", "/ws?token=[redacted]"),
        ("/rooms?limit=5&before=12", "/rooms?limit=5&before=12"),
    ],
)
def test_tokens_in_urls_are_redacted_and_other_parameters_stay(url: str, cleaned: str) -> None:
    assert clean(url) == cleaned


def test_credentials_are_found_in_any_text() -> None:
    assert JWT not in clean(f"could not read {JWT}!")
    assert "hidden" not in clean("Authorization: Bearer hidden")


def test_a_row_that_the_database_refused_is_not_repeated() -> None:
    text = "IntegrityError: null value\nDETAIL:  Failing row contains (1, my secret\nwords, f).\n\nTraceback (most"
    assert "secret" not in clean(text)
    assert "words" not in clean(text)
    assert "Traceback" in clean(text)


def test_objects_are_cleaned_as_they_would_be_written() -> None:
    assert JWT not in guarded(error=ValueError(JWT))["error"]
    assert guarded(count=3, share=0.5, ok=True, none=None) == {
        "event": "socket.opened", "count": 3, "share": 0.5, "ok": True, "none": None,
    }  # fmt: skip


@given(st.text(alphabet=st.characters(categories=("L", "N")), min_size=1), st.text(alphabet="abc&=?/;", max_size=20))
def test_no_token_survives_in_a_query_whatever_stands_around_it(secret: str, around: str) -> None:
    assert f"token={secret}" not in clean(f"/ws?{around}&token={secret}&{around}")
