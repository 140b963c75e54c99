"""docs/protocol.md read as a client's author reads it: frames built from the page are what the code takes and sends."""

import json
import re
from functools import cache
from typing import Any, NamedTuple

import msgspec
import pytest
from django.core.management import call_command

from chatsite.management.commands.protocol_docs import PAGE
from rooms import closes, errors
from rooms.protocol.codec import CommandError, decode
from rooms.protocol.commands import COMMANDS
from rooms.protocol.frames import FRAMES

FIELDS = re.compile(r"^\| `(\w+)` \| (.+) \| (.*) \|$", re.MULTILINE)
LIMITED = re.compile(r"text, (?:(\d+) to )?(\d+) characters(?: at most)?")
OF_EACH_KIND = ["x", 7, True, ["x"], {"x": 7}]


class Field(NamedTuple):
    name: str
    words: str
    presence: str

    @property
    def is_required(self) -> bool:
        return not self.presence


Section = dict[str, list[Field]]


@cache
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


@cache
def chapter(title: str) -> str:
    return re.split(r"^## ", page().partition(f"\n## {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


@cache
def sections(title: str) -> Section:
    """Type → fields, in a chapter of the page."""
    parts = re.split(r"^### `([\w-]+)`$", chapter(title), flags=re.MULTILINE)[1:]
    return {
        tag: [Field(*row) for row in FIELDS.findall(text)] for tag, text in zip(parts[::2], parts[1::2], strict=True)
    }


def commands() -> Section:
    return sections("Commands")


def frames() -> Section:
    return sections("Frames the server sends")


def example(words: str) -> Any:  # noqa: PLR0911 - a table, one line an entry
    """A value of what the page calls so."""
    if words.startswith("list of "):
        return [example(words.removeprefix("list of "))]
    if words.startswith("map from text to "):
        return {"x": example(words.removeprefix("map from text to "))}
    if words.startswith(("`{", "{")):
        fields = re.findall(r"(\w+): ((?:list of )?\{.*?\}|[^,{}]+)", words.strip("`")[1:-1])
        return {name: example(inner) for name, inner in fields}
    if words.startswith('"'):
        return json.loads(words.partition(" or ")[0])
    if words.startswith("`"):
        return frame(frames(), words.partition(" or ")[0].strip("`"))
    if (tag := words.partition(" or ")[0]) in frames():
        return frame(frames(), tag)
    if words == "any JSON":
        return {"x": [1, "x", None]}
    if words == "text" or LIMITED.fullmatch(words):
        return "x"
    if found := re.fullmatch(r"whole number(?: from (\d+))?", words):
        return int(found[1] or 7)
    assert words == "true or false", f"The page has a type that nobody knows: {words}"
    return True


def frame(chapter: Section, tag: str, *, without: str = "", whole: bool = False, **fields: Any) -> dict[str, Any]:
    """A frame as the page describes it, of its required fields or `whole`."""
    named = {field.name: example(field.words) for field in chapter[tag] if whole or field.is_required}
    return {"type": tag, **{name: value for name, value in (named | fields).items() if name != without}}


def each_field(chapter: str) -> list[Any]:
    return [
        pytest.param(tag, field, id=f"{tag}.{field.name}")
        for tag, fields in sections(chapter).items()
        for field in fields
    ]


def received(value: dict[str, Any]) -> msgspec.Struct:
    """What a client that knows the frames' classes makes of a frame."""
    [kind] = [one for one in FRAMES if one.__struct_config__.tag == value["type"]]
    return msgspec.json.decode(json.dumps(value), type=kind)


# --- Commands ---------------------------------------------------------------------------------------------------------
def test_the_page_has_every_command_once_with_every_field_of_it() -> None:
    in_code = {command.__struct_config__.tag: _names(command) for command in COMMANDS}
    assert {tag: [field.name for field in fields] for tag, fields in commands().items()} == in_code
    assert len(re.findall(r"^### ", chapter("Commands"), re.MULTILINE)) == len(COMMANDS)


@pytest.mark.parametrize("tag", sorted(commands()))
def test_a_command_built_from_the_page_is_accepted(tag: str) -> None:
    if tag == "compressed":
        assert commands()[tag] == [Field("data", "text", "")]
        return
    for whole in (False, True):
        sent = frame(commands(), tag, whole=whole)
        read = decode(json.dumps({**sent, "id": "1"}))
        assert read.id == "1"
        assert read.__struct_config__.tag == tag
        assert {name: value for name, value in msgspec.to_builtins(read).items() if name in sent} == sent


@pytest.mark.parametrize(("tag", "field"), each_field("Commands"))
def test_a_required_field_of_a_command_is_required_and_no_other(tag: str, field: Field) -> None:
    sent = json.dumps(frame(commands(), tag, whole=True, without=field.name))
    if field.is_required:
        with pytest.raises(CommandError, match=field.name):
            decode(sent)
    else:
        read = msgspec.to_builtins(msgspec.json.decode(sent, type=_class_of(COMMANDS, tag)))
        default = (
            None if field.presence == "optional" else json.loads(field.presence.removesuffix(" if absent").strip("`"))
        )
        assert read[field.name] == default


@pytest.mark.parametrize(("tag", "field"), each_field("Commands"))
def test_a_field_of_a_command_takes_the_type_that_the_page_names_and_no_other(tag: str, field: Field) -> None:
    for value in _others(field):
        with pytest.raises(CommandError, match=field.name):
            decode(json.dumps(frame(commands(), tag, whole=True, **{field.name: value})))


@pytest.mark.parametrize(("tag", "field"), each_field("Commands"))
def test_the_limits_of_a_field_are_those_on_the_page(tag: str, field: Field) -> None:
    kind = _class_of(COMMANDS, tag)

    def accepts(value: Any) -> bool:
        try:
            msgspec.json.decode(json.dumps(frame(commands(), tag, whole=True, **{field.name: value})), type=kind)
        except msgspec.ValidationError:
            return False
        return True

    if found := LIMITED.fullmatch(field.words):
        shortest, longest = int(found[1] or 0), int(found[2])
        assert accepts("x" * longest)
        assert not accepts("x" * (longest + 1))
        assert accepts("x" * shortest)
        assert not shortest or not accepts("x" * (shortest - 1))
    elif field.words == "text":
        assert accepts("")
        assert accepts("x" * 100_000)
    elif found := re.fullmatch(r"whole number from (\d+)", field.words):
        assert accepts(int(found[1]))
        assert not accepts(int(found[1]) - 1)


# --- Frames -----------------------------------------------------------------------------------------------------------
def test_the_page_has_every_frame_once_with_every_field_of_it() -> None:
    in_code = {kind.__struct_config__.tag: _names(kind) for kind in FRAMES}
    assert {tag: [field.name for field in fields] for tag, fields in frames().items()} == in_code
    assert len(re.findall(r"^### ", chapter("Frames the server sends"), re.MULTILINE)) == len(FRAMES)


@pytest.mark.parametrize(("tag", "field"), each_field("Frames the server sends"))
def test_a_field_of_a_frame_is_what_the_page_says(tag: str, field: Field) -> None:
    received(frame(frames(), tag, whole=True))
    without = frame(frames(), tag, whole=True, without=field.name)
    if field.is_required:
        with pytest.raises(msgspec.ValidationError, match=field.name):
            received(without)
    else:
        assert field.presence == "optional"
        received(without)
    for value in _others(field):
        with pytest.raises(msgspec.ValidationError, match=field.name):
            received(frame(frames(), tag, whole=True, **{field.name: value}))


def test_every_frame_and_command_is_explained() -> None:
    for title in ("Commands", "Frames the server sends"):
        texts = re.split(r"^### `[\w-]+`$", chapter(title), flags=re.MULTILINE)[1:]
        assert all(re.match(r"\n\n[A-Z]", text) for text in texts)


# --- Errors and closes ------------------------------------------------------------------------------------------------
def test_the_page_has_every_error_with_its_status_and_whether_it_may_be_repeated() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| (\d+) \| (yes)? ?\| (.+) \|$", chapter("Errors"), re.MULTILINE)
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ChatError)]
    in_code = {(kind.code, str(kind.status), "yes" if kind.retryable else "") for kind in kinds[1:]}
    assert len(in_code) >= 15
    assert {row[:3] for row in rows} == in_code
    assert len(rows) == len(in_code)


def test_the_page_has_every_close_code_with_its_reason() -> None:
    rows = re.findall(r"^\| (\d{4}) \| (.+) \| (.+) \|$", chapter("Close codes"), re.MULTILINE)
    in_code = {(str(one.code), one.reason) for one in vars(closes).values() if isinstance(one, closes.Close)}
    assert len(in_code) >= 8
    assert {row[:2] for row in rows} == in_code


# --- The page itself --------------------------------------------------------------------------------------------------
def test_the_first_exchange_on_the_page_is_made_of_frames_that_exist() -> None:
    talk = re.findall(r'^([<>]) \{"type": "([\w-]+)"(.*)\}$', page(), re.MULTILINE)
    assert len(talk) == 9
    for direction, tag, rest in talk:
        known = (commands() if direction == ">" else frames())[tag]
        shown = set(re.findall(r'(?:^|[,}\]"]) "(\w+)": ', re.sub(r"\{.*\}", "{}", rest)))
        assert shown <= {"id", *(field.name for field in known)}
        if not rest.endswith("..."):
            assert {field.name for field in known if field.is_required} <= shown


def test_nothing_on_the_page_is_left_over_from_python() -> None:
    assert not re.findall(r"NODEFAULT|UNSET|\bNone\b|\bstr\b|\bTrue\b|<class|factory", page())


def test_the_page_was_written_from_these_frames() -> None:
    call_command("protocol_docs", check=True)


def _names(kind: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(kind) if field.encode_name != "id"]


def _class_of(kinds: tuple[type[Any], ...], tag: str) -> type[Any]:
    return next(kind for kind in kinds if kind.__struct_config__.tag == tag)


def _others(field: Field) -> list[Any]:
    """Values of each kind that the field is not of, and null where it is required."""
    if field.words == "any JSON":
        return []
    kind = type(example(field.words))
    return [value for value in OF_EACH_KIND if type(value) is not kind] + ([None] if field.is_required else [])
