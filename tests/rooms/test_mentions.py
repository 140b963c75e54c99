"""Where a text mentions somebody."""

import pytest

from rooms import names
from rooms.mentions import MAX_CANDIDATES, candidates, has_sign, mentioned

PEOPLE = ["ana", "Ana-Maria", "bob", "张三", "张三丰", "李四", "ünal", "ana@example.org", "o.b", "名"]
KNOWN = {names.key(name): name for name in PEOPLE}


def found(text: str, known: dict[str, str] = KNOWN, *, with_spaces: bool = False) -> list[str]:
    people, everybody = mentioned(candidates(text, with_spaces=with_spaces), known)
    return [*people, *["(everybody)"] * everybody]


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("@ana", ["ana"]),
        ("hi @ANA and @bob", ["ana", "bob"]),
        ("(@ana)", ["ana"]),
        ("@ana: look", ["ana"]),
        ("@ana, @bob.", ["ana", "bob"]),
        ("„@ana“", ["ana"]),
        ("_@ana_ and *@bob*", ["ana", "bob"]),
        ("@ana @ana", ["ana"]),
        ("@bob @ana", ["bob", "ana"]),
        ("@ana-maria", ["Ana-Maria"]),
        ("@ana-mario", ["ana"]),
        ("@anastasia", []),
        ("@", []),
        ("@ ana", []),
        ("@nobody", []),
        ("@o.b.", ["o.b"]),
        ("@Ünal", ["ünal"]),
        ("@U\u0308nal", ["ünal"]),
        ("@ａｎａ", ["ana"]),
        ("＠ana", ["ana"]),
        ("@@ana", ["ana"]),
        ("line\n@ana", ["ana"]),
    ],
)
def test_names_stand_after_a_sign_and_end_with_a_word(text: str, people: list[str]) -> None:
    assert found(text) == people


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("@张三你好", ["张三"]),
        ("@张三丰你好", ["张三丰"]),
        ("你好@张三", ["张三"]),
        ("请@李四和@张三看一下", ["李四", "张三"]),
        ("@张三@李四", ["张三", "李四"]),
        ("＠张三，你好", ["张三"]),
        ("@ana你好", ["ana"]),
        ("@张", []),
        ("你好@bob谢谢", ["bob"]),
    ],
)
def test_without_spaces_the_longest_name_counts(text: str, people: list[str]) -> None:
    assert found(text) == people


@pytest.mark.parametrize(
    "text",
    [
        "write to ana@bob.example",
        "x@ana",
        "@bob@example.org",
        "https://example.org/@ana",
        "see https://example.org/?q=@ana, please",
        "ssh://@ana/x",
    ],
)
def test_addresses_mention_nobody(text: str) -> None:
    assert found(text) == []


def test_a_name_may_look_like_an_address() -> None:
    assert found("@ana@example.org!") == ["ana@example.org"]


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("`@ana`", []),
        ("`` a ` @ana ``", []),
        ("`@ana` @bob", ["bob"]),
        ("` @ana", ["ana"]),
        ("`` @ana `", ["ana"]),
        ("` one\n\n@ana `", ["ana"]),
        ("` one\n@ana `", []),
        ("```\n@ana\n```\n@bob", ["bob"]),
        ("```py\n@ana\n", []),
        ("~~~\n@ana\n```\n@ana\n~~~\n@bob", ["bob"]),
        ("````\n```\n@ana\n````", []),
        ("```@ana``` @bob", ["bob"]),
        ("> @ana\n@bob", ["bob"]),
        ("  > @ana", []),
        ("a > @ana", ["ana"]),
        (">@ana", []),
    ],
)
def test_code_and_quoted_lines_mention_nobody(text: str, people: list[str]) -> None:
    assert found(text) == people


@pytest.mark.parametrize(
    ("text", "people"),
    [
        ("@room", ["(everybody)"]),
        ("@Room!", ["(everybody)"]),
        ("@room大家好 @ana", ["ana", "(everybody)"]),
        ("@roommate", []),
        ("`@room`", []),
        ("room", []),
    ],
)
def test_room_stands_for_everybody(text: str, people: list[str]) -> None:
    assert found(text) == people


def test_a_longer_name_is_not_everybody() -> None:
    assert found("@room-2", {"room-2": "room-2"}) == ["room-2"]


def test_names_with_spaces_where_a_project_has_them() -> None:
    known = {"ana maria": "1", "ana": "2"}
    assert found("@Ana Maria, hi", known, with_spaces=True) == ["1"]
    assert found("@Ana Marias", known, with_spaces=True) == ["2"]
    assert found("@Ana\nMaria", known, with_spaces=True) == ["2"]
    assert found("@Ana Maria", known) == ["2"]


def test_text_without_a_sign_is_not_looked_into() -> None:
    assert not has_sign("hello")
    assert has_sign("a@b")
    assert has_sign("＠b")


@pytest.mark.parametrize(
    "text", ["@" * 4_000, "@张" + "张" * 4_000, "@张三" * 1_300, "`" * 4_000, "`a``b" * 800, "@a " * 1_300]
)
def test_a_text_of_nothing_but_signs_has_not_too_many_candidates(text: str) -> None:
    assert sum(map(len, candidates(text))) <= MAX_CANDIDATES
