"""Names of files are shown to others and written to their disks."""

import pytest

from rooms.file_names import MAX_CHARS, cleaned


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("notes.txt", "notes.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\notes.txt", "notes.txt"),
        ("a\0b\r\nc\t.txt", "abc.txt"),
        ("report\u202efdp.exe", "reportfdp.exe"),
        ("\u2066\u200babc\ufeff", "abc"),
        ('a<b>:c|d?e*f".txt', "a_b__c_d_e_f_.txt"),
        ("  many   words .txt ", "many words .txt"),
        (".htaccess", "htaccess"),
        ("ends. . .", "ends"),
        ("文件.png", "文件.png"),
        ("e\u0301.png", "é.png"),
        ("👩\u200d🔬.png", "👩\u200d🔬.png"),
        ("", "file"),
        ("...", "file"),
        ("\u202e", "file"),
        ("half \ud800 of a pair", "half of a pair"),
        ("folder/", "folder"),
        ("CON", "_CON"),  # names of devices on Windows, whatever follows
        ("nul.txt", "_nul.txt"),
        ("Com1.tar.gz", "_Com1.tar.gz"),
        ("COM¹", "_COM¹"),
        ("contact.txt", "contact.txt"),
        ("aux .txt", "_aux .txt"),
    ],
)
def test_a_name_keeps_what_can_be_seen(given: str, kept: str) -> None:
    assert cleaned(given) == kept


def test_a_long_name_keeps_its_extension() -> None:
    assert cleaned("x" * 300 + ".tar.gz") == "x" * (MAX_CHARS - 3) + ".gz"
    assert cleaned("x" * 300) == "x" * MAX_CHARS
    assert cleaned("a." + "x" * 300) == "a." + "x" * (MAX_CHARS - 2)


@pytest.mark.parametrize("end", [" ", "."])
def test_a_shortened_name_ends_as_names_may_on_windows(end: str) -> None:
    assert cleaned("x" * (MAX_CHARS - 1) + end + "y" * 100) == "x" * (MAX_CHARS - 1)
    assert len(cleaned("nul." + "x" * 300)) == MAX_CHARS
