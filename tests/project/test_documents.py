"""Links of documents lead somewhere, and no file names the machine it was written on."""

import re
from pathlib import Path

import pytest

from tests.project.tree import ROOT, files

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
TARGET = re.compile(r"^([a-z]+):.*##", re.MULTILINE)
# Spelled in pieces, so that this file is not the first to be found.
UNWANTED = {
    "a host of a package registry": r"(pypi|npmjs|pythonhosted|yarnpkg|golang)" + r"\.(org|com)\b|index" + r"-url",
    "an absolute home path": r"(?<![\w.:/])/(home|Users|root|work)" + r"/\w",
    "something left to do": r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b",
}


def _documents() -> list[Path]:
    return sorted(path for path in files() if path.suffix == ".md")


def test_relative_links_of_documents_lead_to_files() -> None:
    links = ((page, link) for page in _documents() for link in LINK.findall(page.read_text()))
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page, link in links
        if not re.match(r"[a-z]+:|#", link) and not (page.parent / link.split("#")[0]).exists()
    ]
    assert not broken


def test_links_to_a_heading_lead_to_a_heading() -> None:
    links = ((page, link) for page in _documents() for link in LINK.findall(page.read_text()) if "#" in link)
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page, link in links
        if not link.startswith("http")
        and link.split("#")[1] not in _anchors(page.parent / (link.split("#")[0] or page.name))
    ]
    assert not broken


def test_every_make_target_named_in_a_document_exists() -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text()))
    named = {
        word for page in _documents() for word in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE)
    }
    assert named <= targets
    assert {"run", "test"} <= named


@pytest.mark.parametrize("kind", UNWANTED)
def test_no_file_names_what_it_should_not(kind: str) -> None:
    pattern = re.compile(UNWANTED[kind])
    found = [f"{path.relative_to(ROOT)}: {match.group()}" for path in files() for match in _find(pattern, path)]
    assert not found


def _find(pattern: re.Pattern[str], path: Path) -> list[re.Match[str]]:
    try:
        return list(pattern.finditer(path.read_text(encoding="utf-8")))
    except UnicodeDecodeError:  # a picture, or a compiled catalogue
        return []


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
