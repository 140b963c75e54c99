"""From bytes to commands: whatever comes in is a command or one clear error, and costs no more than it may."""

import base64
import gzip
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import LazySettings
from hypothesis import example, given
from hypothesis import strategies as st

from rooms.protocol.codec import CommandError, decode, encode
from rooms.protocol.commands import COMMANDS
from rooms.protocol.commands.announcements import SendChat
from rooms.protocol.commands.session import CompressedCommand, Ping
from rooms.protocol.frames.session import Error

TAGS = [command.__struct_config__.tag for command in COMMANDS]
CODES = {"bad-json", "bad-frame", "unknown-type", "too-large"}
COMPLETE = {  # enough for any command
    "token": "t", "roomId": "r", "content": "c", "message": "m", "data": "d", "messageId": "7", "username": "u",
    "code": "c", "reason": "r", "on": True, "emoji": "👍", "action": "kick", "seq": 1,
    "users": ["u"], "query": "q", "offset": 0, "text": "t",
}  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
field_names = st.sampled_from(
    [
        "id",
        "clientId",
        "roomId",
        "room",
        "content",
        "message",
        "token",
        "limit",
        "before",
        "after",
        "data",
        "accept",
        "messageId",
        "username",
        "reason",
        "on",
    ]
)


def refusal(text: str | bytes) -> CommandError:
    with pytest.raises(CommandError) as caught:
        decode(text)
    return caught.value


def compressed(inner: str | bytes, **fields: Any) -> str:
    raw = inner.encode() if isinstance(inner, str) else inner
    return json.dumps({"type": "compressed", "data": base64.b64encode(gzip.compress(raw)).decode(), **fields})


def assert_command_or_one_error(text: str | bytes) -> None:
    try:
        command = decode(text)
    except CommandError as refused:
        error, command_id = refused.error, refused.command_id
    else:
        assert type(command) in COMMANDS
        assert not isinstance(command, CompressedCommand)
        return
    assert error.code in CODES
    frame = Error(id=command_id, message=error.message, code=error.code, retryable=error.retryable)
    assert json.loads(encode(frame))["code"] == error.code


@given(st.binary() | st.text(st.characters()))
@example(b"")
@example(b"\xff\xfe")
@example("\ud800")
@example('{"type":"ping","id":"\ud800"}')
@example(b'{"type":"nope","id":"\xff"}')
@example("[" * 100_000)
@example('{"type":"ping","x":' + "[" * 30_000 + "]" * 30_000 + "}")
@example('{"type":' * 20_000)
@example("9" * 5_000)
@example('{"type":"ping","id":' + "9" * 5_000 + "}")
@example('{"type":"get-history","roomId":"r","limit":1e999}')
@example('{"type":"get-history","roomId":"r","limit":-99999999999999999999999}')
@example('{"type":"ping","id":"\\ud800"}')
@example('{"type":"wave","id":"\\ud800"}')
@example('{"type":5,"id":"\\ud800"}')
@example('{"type":"ping"} {"type":"ping"}')
@example('{"type":"ping","type":"auth"}')
@example('{"type":"ping","type":5}')
@example('{"id":"7" "id":"8"}')
@example('{"id":"' + '\\"id":"' * 20_000)
def test_any_text_is_a_command_or_one_error(text: str | bytes) -> None:
    assert_command_or_one_error(text)
    inner = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
    assert_command_or_one_error(compressed(inner))


@given(json_values)
def test_any_json_is_a_command_or_one_error(value: Any) -> None:
    assert_command_or_one_error(json.dumps(value))
    assert_command_or_one_error(json.dumps(value, ensure_ascii=False))


@given(st.sampled_from(TAGS), st.dictionaries(field_names, json_values, max_size=5))
def test_any_fields_of_a_known_type_are_a_command_or_one_error(tag: str, fields: dict[str, Any]) -> None:
    assert_command_or_one_error(json.dumps({**COMPLETE, **fields, "type": tag}))


@given(st.text())
def test_any_compressed_data_is_a_command_or_one_error(data: str) -> None:
    assert_command_or_one_error(json.dumps({"type": "compressed", "data": data}))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("no json", "bad-json"),
        ("", "bad-json"),
        ('{"type":"ping"', "bad-json"),
        ('{"type":"ping","x":' * 100_000, "bad-json"),
        (b'{"type":"ping","id":"\xff"}', "bad-json"),
        (b'{"type":"wave","id":"\xff"}', "bad-json"),
        ("[]", "bad-frame"),
        ("[" * 30_000, "bad-frame"),
        ('{"type":"get-history","roomId":"r","limit":' + "9" * 5_000 + "}", "bad-frame"),
        ("5", "bad-frame"),
        ("null", "bad-frame"),
        ("{}", "bad-frame"),
        ('{"type":5}', "bad-frame"),
        ('{"type":"chat-message","roomId":"r"}', "bad-frame"),
        ('{"type":"chat-message","roomId":"r","content":5}', "bad-frame"),
        ('{"type":"auth","token":"' + "t" * 4097 + '"}', "bad-frame"),
        ('{"type":"get-history","roomId":"r","limit":0}', "bad-frame"),
        ('{"type":"get-history","roomId":"r","before":-1}', "bad-frame"),
        ('{"type":"get-history","roomId":"r","after":9007199254740992}', "bad-frame"),
        ('{"type":"Ping"}', "unknown-type"),
        ('{"type":"welcome","message":"m"}', "unknown-type"),
    ],
)
def test_each_fault_has_its_code(text: str | bytes, code: str) -> None:
    assert refusal(text).error.code == code


def test_an_error_names_what_is_wrong() -> None:
    assert "roomId" in refusal('{"type":"create-room"}').error.message
    assert "limit" in refusal('{"type":"get-history","roomId":"r","limit":"5"}').error.message
    assert "'wave'" in refusal('{"type":"wave"}').error.message


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"wave","id":"7"}',
        '{"type":"create-room","id":"7"}',
        '{"id":"7"}',
        '{"id":"7","type":"get-history","roomId":"r","limit":"many"}',
        '{"type":"compressed","id":"7","data":"no base64"}',
        compressed('{"type":"wave","id":"7"}', id="8"),
        compressed(compressed('{"type":"ping"}', id="7"), id="8"),
        '{"type":"chat-message","id":"7","roomId":"r","content":"\ud800"}',
        b'{"type":"chat-message","content":"\xff","id" : "7"}',
        '{"type":"chat-message","id":"7","roomId":"r","cont',
        '{"id":"7","type":"ping","x":' + "[" * 30_000 + "]" * 30_000 + "}",
        compressed(b'{"type":"chat","id":"7","message":"\xff"}', id="8"),
    ],
)
def test_an_error_echoes_the_id_that_could_be_read(text: str | bytes) -> None:
    assert refusal(text).command_id == "7"


@pytest.mark.parametrize("command_id", ['""', "5", "null", "[]", '"' + "7" * 65 + '"', r'"a\u0000b"', r'"\ud800"'])
@pytest.mark.parametrize("end", ["}", ""], ids=["JSON", "no JSON"])
def test_an_error_echoes_no_id_outside_the_rule(command_id: str, end: str) -> None:
    assert refusal(f'{{"type":"wave","id":{command_id}{end}').command_id is None


@pytest.mark.parametrize("name", ["id", "clientId"])
@pytest.mark.parametrize("value", ["", "7" * 65, "a\0b", 7])
def test_an_id_outside_the_rule_is_refused(name: str, value: Any) -> None:
    """A client id is stored: PostgreSQL stores no NUL in it."""
    frame = {"type": "chat-message", "roomId": "r", "content": "c", name: value}
    assert refusal(json.dumps(frame)).error.code == "bad-frame"


# --- Compressed -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("tag", [tag for tag in TAGS if tag != "compressed"])
def test_each_command_comes_through_compressed(tag: str) -> None:
    text = json.dumps({**COMPLETE, "type": tag, "id": "7"})
    assert decode(compressed(text)) == decode(text)


def test_a_bomb_is_refused_without_being_opened() -> None:
    bomb = compressed(b"0" * 100_000_000, id="7")
    tracemalloc.start()
    try:
        error = refusal(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (error.error.code, error.command_id) == ("too-large", "7")
    assert peak < 2_000_000


def test_a_compressed_frame_may_be_as_long_as_a_plain_one(settings: LazySettings) -> None:
    settings.CHAT_MAX_FRAME_BYTES = 100
    command = '{"type":"chat","message":"' + "m" * 72 + '"}'
    assert len(command) == 100
    assert decode(compressed(command)) == SendChat(message="m" * 72)
    assert refusal(compressed(command + " ")).error.code == "too-large"


def test_without_a_frame_limit_any_length_is_opened(settings: LazySettings) -> None:
    settings.CHAT_MAX_FRAME_BYTES = 0
    assert decode(compressed('{"type":"ping"}' + " " * 1_000_000)) == Ping()


def test_a_compressed_frame_inside_another_is_refused() -> None:
    assert refusal(compressed(compressed('{"type":"ping"}'))).error.code == "bad-frame"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda stream: stream[:-1],
        lambda stream: stream[:20],
        lambda stream: stream + b"more",
        lambda stream: stream + stream,
        lambda stream: stream[:-8] + b"\0" * 8,
        lambda stream: b"no gzip",
        lambda stream: b"",
    ],
    ids=["cut", "cut-early", "trailing", "two-streams", "checksum", "no-gzip", "empty"],
)
def test_a_spoilt_stream_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    data = base64.b64encode(spoil(gzip.compress(b'{"type":"ping"}'))).decode()
    error = refusal(json.dumps({"type": "compressed", "data": data, "id": "7"}))
    assert (error.error.code, error.command_id) == ("bad-frame", "7")


def test_a_compressed_command_without_an_id_has_that_of_its_wrapping() -> None:
    assert decode(compressed('{"type":"ping"}', id="8")).id == "8"
    assert decode(compressed('{"type":"ping","id":"7"}', id="8")).id == "7"
