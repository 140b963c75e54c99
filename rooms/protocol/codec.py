"""From bytes to commands and from frames to bytes. Whatever comes in, what goes on is a command or one clear error."""

import base64
import binascii
import gzip
import re
import zlib
from typing import Any, Union, cast

import msgspec

from rooms.conf import conf
from rooms.errors import BadFrame, BadJson, ChatError, TooLarge, UnknownType
from rooms.protocol.commands import COMMANDS
from rooms.protocol.commands.base import Command
from rooms.protocol.commands.session import CompressedCommand
from rooms.protocol.frames.base import Frame


class CommandError(Exception):
    """A frame that is no command: the `error` that says why, and the command's `id` if it could be read."""

    def __init__(self, error: ChatError, command_id: str | None = None) -> None:
        self.error, self.command_id = error, command_id
        super().__init__(error.message)


class _Envelope(msgspec.Struct):
    """As much of a refused frame as its error needs; what else is in it is skipped, however large or deep."""

    type: Any = None
    id: Any = None


_decoder = msgspec.json.Decoder(Union[COMMANDS])  # noqa: UP007 - a tuple of classes has no `|`
_envelope_decoder = msgspec.json.Decoder(_Envelope)
_encoder = msgspec.json.Encoder()
_ID = re.compile(r"[^\x00\ud800-\udfff]{1,64}")  # what an answer can repeat
_ID_FIELD = re.compile(r'"id"\s*:\s*"([^"\\\x00-\x1f\ud800-\udfff]{1,64})"')
_types = {cast(str, command.__struct_config__.tag) for command in COMMANDS}


def decode(text: str | bytes) -> Command:
    """The command in a text frame, `compressed` ones opened; raises CommandError for anything else, whatever it is."""
    command = _decode(text)
    if isinstance(command, CompressedCommand):
        try:
            inner = _decode(inflate(command.data))
        except ChatError as error:
            raise CommandError(error, command.id) from None
        if isinstance(inner, CompressedCommand):
            raise CommandError(BadFrame("A compressed frame inside a compressed frame"), inner.id)
        inner.id = inner.id or command.id
        return inner
    return command


def _decode(text: str | bytes) -> Command:
    try:
        return cast(Command, _decoder.decode(text))
    except msgspec.ValidationError as error:
        raise _explain(text, error) from None
    except RecursionError:
        raise CommandError(BadJson("Nested too deep"), _find_id(text)) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise CommandError(BadJson(f"Not valid JSON: {error}"), _find_id(text)) from None


def _explain(text: str | bytes, error: msgspec.ValidationError) -> CommandError:
    """Reads a refused frame again: is its type known, and had it an id?"""
    try:
        envelope = _envelope_decoder.decode(text)
    except msgspec.ValidationError:
        return CommandError(BadFrame("A frame is one JSON object"))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return CommandError(BadJson(), _find_id(text))
    known_id = envelope.id if isinstance(envelope.id, str) and _ID.fullmatch(envelope.id) else None
    if isinstance(envelope.type, str) and envelope.type not in _types:
        return CommandError(UnknownType(f"Unknown frame type {envelope.type[:40]!r}"), known_id)
    return CommandError(BadFrame(str(error)), known_id)


def _find_id(text: str | bytes) -> str | None:
    """The id of a text that is no JSON, such as one with half a surrogate pair: its sender waits for the answer."""
    found = _ID_FIELD.search(text if isinstance(text, str) else text.decode(errors="replace"))
    return found[1] if found else None


def inflate(data: str) -> bytes:
    """Opens base64 of gzip; never makes more than CHAT_MAX_FRAME_BYTES of it, and raises TooLarge instead."""
    limit = conf.CHAT_MAX_FRAME_BYTES
    stream = zlib.decompressobj(wbits=31)
    try:
        opened = stream.decompress(base64.b64decode(data, validate=True), limit + 1 if limit else 0)
    except (binascii.Error, ValueError, zlib.error):
        raise BadFrame("data is not base64 of gzip") from None
    if limit and len(opened) > limit:
        raise TooLarge(f"The frame is over {limit} bytes when opened")
    if not stream.eof or stream.unused_data:
        raise BadFrame("data is not one whole gzip stream")
    return opened


def deflate(payload: bytes) -> str:
    """A frame as the `data` of a `compressed` one."""
    return base64.b64encode(gzip.compress(payload, compresslevel=6, mtime=0)).decode()


def encode(frame: Frame) -> bytes:
    return _encoder.encode(frame)
