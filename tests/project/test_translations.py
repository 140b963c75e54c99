"""Every text a person sees is in the Chinese catalogue, and what is compiled is what is written."""

import gettext
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.project.tree import PACKAGES, ROOT, files
from tests.support.machine import missing

FOLDERS = (".", "accounts", "monitoring", "rooms")  # each with a catalogue: a site that installs one app has its texts
CATALOGUE = "locale/zh_Hans/LC_MESSAGES/django.po"
LINE = re.compile(r'^(?:(msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?) )?"(.*)"$')
Message = dict[str, str]


def _messages(text: str) -> dict[str, Message]:
    """msgid → its parts and flags, as gettext's own manual describes the format."""
    blocks = [_message(block) for block in text.split("\n\n")]
    return {block["msgid"]: block for block in blocks if block.get("msgid")}


def _message(block: str) -> Message:
    message: Message = {"flags": " ".join(line for line in block.splitlines() if line.startswith("#,"))}
    part = ""
    for found in filter(None, map(LINE.match, block.splitlines())):
        part = found[1] or part
        message[part] = message.get(part, "") + found[2].replace(r"\"", '"').replace(r"\n", "\n")
    return message


@pytest.fixture(params=FOLDERS)
def folder(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def catalogue(folder: str) -> dict[str, Message]:
    return _messages((ROOT / folder / CATALOGUE).read_text(encoding="utf-8"))


@pytest.fixture
def texts(sources: dict[str, dict[str, Message]], folder: str) -> dict[str, Message]:
    """What the sources of this catalogue say."""
    return sources[folder]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Message]]:
    """By folder: what Django's makemessages finds now; run on a copy, because it writes beside what it reads."""
    if not all(map(shutil.which, ("xgettext", "msgmerge", "msguniq"))):
        missing("gettext's xgettext")
    copy = tmp_path_factory.mktemp("sources")
    for name in (*PACKAGES, "templates"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "static"))
    for folder in FOLDERS:
        shutil.rmtree(copy / folder / "locale", ignore_errors=True)
        (copy / folder / "locale").mkdir()
    command = [sys.executable, "-m", "django", "makemessages", "--locale=zh_Hans", "--keep-pot", "--verbosity=0"]
    env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(command, cwd=copy, env=env, check=True, capture_output=True, text=True)
    return {folder: _messages((copy / folder / "locale/django.pot").read_text(encoding="utf-8")) for folder in FOLDERS}


def test_every_text_in_the_sources_is_in_the_catalogue(
    texts: dict[str, Message], catalogue: dict[str, Message]
) -> None:
    assert len(texts) > 10
    assert set(texts) - set(catalogue) == set()


def test_no_text_in_the_catalogue_has_left_the_sources(
    texts: dict[str, Message], catalogue: dict[str, Message]
) -> None:
    assert set(catalogue) - set(texts) == set()


def test_every_text_is_translated_and_none_is_a_guess(catalogue: dict[str, Message]) -> None:
    empty = [text for text, message in catalogue.items() if not _translation(message)]
    guessed = [text for text, message in catalogue.items() if "fuzzy" in message["flags"]]
    assert not empty
    assert not guessed


def test_a_translation_keeps_the_places_that_are_filled_in(catalogue: dict[str, Message]) -> None:
    places = re.compile(r"\{\w+\}|%\(\w+\)\w")
    wrong = {
        text: _translation(message)
        for text, message in catalogue.items()
        if set(places.findall(message.get("msgid_plural", text))) != set(places.findall(_translation(message)))
    }
    assert not wrong


def test_the_compiled_catalogue_is_in_step(folder: str, catalogue: dict[str, Message]) -> None:
    with (ROOT / folder / CATALOGUE).with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    behind = [text for text, message in catalogue.items() if _compiled(compiled, message) != _translation(message)]
    assert not behind, "Run: manage.py compilemessages"


def _translation(message: Message) -> str:
    return message.get("msgstr") or message.get("msgstr[0]", "")


def _compiled(compiled: gettext.GNUTranslations, message: Message) -> str:
    if "msgid_plural" in message:
        return compiled.ngettext(message["msgid"], message["msgid_plural"], 2)
    return compiled.gettext(message["msgid"])


def test_templates_speak_only_through_the_catalogue() -> None:
    """A word of English between two tags, or in an attribute that is read aloud, would stay English for everybody."""
    spoken = re.compile(
        r">([^<>{}]*[A-Za-z]{2}[^<>{}]*)<|\s(?:title|alt|placeholder|aria-label)=\"([^\"{]*[A-Za-z][^\"{]*)\""
    )
    comments = re.compile(r"{% comment %}.*?{% endcomment %}|{#.*?#}|<!--.*?-->", re.DOTALL)
    found = {
        str(path.relative_to(ROOT)): words
        for name in (*PACKAGES, "templates")
        for path in files(ROOT / name)
        if path.suffix == ".html" and (words := spoken.findall(comments.sub("", path.read_text(encoding="utf-8"))))
    }
    assert not found
