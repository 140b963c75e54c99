"""One shape for all records: what is written, where to, and what never is."""

import asyncio
import io
import json
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import structlog
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from monitoring import logs
from tests.support.client import ChatClient
from tests.support.servers import Person, ServerProcess

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOiIxIn0.c2lnbmF0dXJl"
LOGGERS = ("", *logs.OUR_PACKAGES, *logs.SERVER_LOGGERS)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    before = {name: (logging.getLogger(name).handlers[:], logging.getLogger(name).level) for name in LOGGERS}
    yield
    logging.captureWarnings(False)
    for name, (handlers, level) in before.items():
        logger = logging.getLogger(name)
        for handler in logger.handlers:
            if handler not in handlers:
                handler.close()
        logger.handlers[:] = handlers
        logger.setLevel(level)


@pytest.fixture
def console(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Reads what was written to the console since the last look."""
    return lambda: capsys.readouterr().err


def parsed(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def configure(*, debug: bool = False, level: str = "INFO", directory: str = "") -> None:
    logs.configure(debug=debug, level=level, directory=directory)


def test_a_record_of_ours_is_one_json_line(console: Callable[[], str]) -> None:
    configure()
    structlog.get_logger("rooms.consumers").info("socket.closed", user=7, code=1001)
    [line] = parsed(console())
    assert list(line) == ["timestamp", "level", "logger", "event", "user", "code"]
    assert (line["level"], line["logger"], line["event"]) == ("info", "rooms.consumers", "socket.closed")
    assert (line["user"], line["code"]) == (7, 1001)
    assert len(line["timestamp"]) == len("2026-01-01T00:00:00.000Z")


def test_a_readable_line_is_one_line_that_no_text_turns_around(console: Callable[[], str]) -> None:
    configure(debug=True)
    forged = "a\x1b[2J\u202eb\n2026 [info] forged\u2028\u2067"
    log = structlog.get_logger("rooms.consumers")
    log.info(forged, user="a\x1b[2J\u202eb", page="two words\u202e")
    log.error("failed", exc_info=KeyError("\u202e"))
    first, second, third, *_ = console().split("\n")
    assert not set(first) & set("\x1b\u202e\u2028\u2067")
    assert r"a\x1b[2J\u202eb\n2026 [info] forged\u2028\u2067 " in first
    assert r"user=a\x1b[2J\u202eb" in first
    assert ("failed" in second, third) == (True, r"KeyError: '\u202e'")


def test_records_of_libraries_come_out_alike(console: Callable[[], str]) -> None:
    configure()
    logging.getLogger("django.request").warning("Not Found: %s", "/x", extra={"status_code": 404, "request": object()})
    [line] = parsed(console())
    assert list(line) == ["timestamp", "level", "logger", "event", "status_code"]
    assert (line["level"], line["logger"], line["event"]) == ("warning", "django.request", "Not Found: /x")


def test_an_exception_has_its_stack_but_no_values_of_variables(console: Callable[[], str]) -> None:
    configure()

    def fail(said: str) -> None:
        raise KeyError(len(said))

    for log in (structlog.get_logger("rooms.live.write_queue"), logging.getLogger("library")):
        try:
            fail("words nobody may read")
        except KeyError:
            log.exception("write_queue.failed")
    for line in parsed(console()):
        assert line["level"] == "error"
        assert "in fail" in line["exception"]
        assert "words nobody" not in line["exception"].replace('fail("words nobody may read")', "")


def test_an_unknown_host_is_one_warning_without_a_stack(console: Callable[[], str], settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["chat.example"]
    configure()
    assert Client().get("/accounts/sign-in/", headers={"host": "elsewhere.example"}).status_code == 400
    [line] = parsed(console())
    assert (line["level"], "exception" in line) == ("warning", False)
    assert "elsewhere.example" in line["event"]


def test_development_is_readable_and_coloured_on_a_terminal_only(
    console: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(debug=True)
    structlog.get_logger("rooms").info("socket.opened", user=7)
    plain = console()
    assert "socket.opened" in plain
    assert "user=7" in plain
    assert "\x1b[" not in plain
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    configure(debug=True)
    structlog.get_logger("rooms").info("socket.opened", user=7)
    assert "\x1b[" in console()


def test_the_files_get_everything_and_the_errors(console: Callable[[], str], tmp_path: Path) -> None:
    directory = tmp_path / "made" / "logs"
    configure(debug=True, directory=str(directory))
    structlog.get_logger("rooms").info("socket.opened")
    logging.getLogger("uvicorn.error").error("died")
    events = {
        name: [json.loads(line)["event"] for line in (directory / name).read_text().splitlines()]
        for name in ("combined.log", "error.log")
    }
    assert events == {"combined.log": ["socket.opened", "died"], "error.log": ["died"]}
    assert "socket.opened" in console()


def test_a_directory_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImproperlyConfigured, match=r"LOG_DIR: cannot write logs in .*file/logs: Not a directory"):
        configure(directory=str(tmp_path / "file" / "logs"))


def test_the_level_is_for_our_own_packages(console: Callable[[], str]) -> None:
    configure(level="DEBUG")
    structlog.get_logger("rooms.live.bus").debug("bus.joined")
    logging.getLogger("uvicorn.error").debug("< TEXT 'words nobody may read' [21 bytes]")
    logging.getLogger("websockets.server").debug("< TEXT 'words nobody may read' [21 bytes]")
    logging.getLogger("django.db.backends").debug("INSERT … args=('words nobody may read',)")
    assert [line["event"] for line in parsed(console())] == ["bus.joined"]


def test_a_higher_level_holds_for_all(console: Callable[[], str]) -> None:
    configure(level="ERROR")
    structlog.get_logger("rooms").warning("bus.failed")
    logging.getLogger("uvicorn.error").warning("slow")
    structlog.get_logger("rooms").error("write_queue.failed")
    assert [line["event"] for line in parsed(console())] == ["write_queue.failed"]


def test_a_server_that_configured_its_loggers_first_writes_like_all_others(console: Callable[[], str]) -> None:
    own = logging.StreamHandler(io.StringIO())
    logging.getLogger("uvicorn.access").addHandler(own)
    logging.getLogger("uvicorn.access").propagate = False
    configure()
    logging.getLogger("uvicorn.access").info("%s - %d", "1.2.3.4", 200)
    assert [line["event"] for line in parsed(console())] == ["1.2.3.4 - 200"]
    assert own.stream.getvalue() == ""


def test_no_token_and_no_message_text_ever(console: Callable[[], str], tmp_path: Path) -> None:
    configure(level="DEBUG", directory=str(tmp_path))
    own, access = structlog.get_logger("rooms.sockets.consumer"), logging.getLogger("uvicorn.access")
    own.info("socket.opened", token=JWT, cookie=JWT, path=f"/ws?token={JWT}", headers={"Authorization": JWT})
    own.info("message.stored", content=JWT, message=JWT, fields={"text": JWT}, frame=JWT.encode())
    access.info('%s - "%s %s HTTP/%s" %d', "1.2.3.4:5", "GET", f"/ws?access_token={JWT}", "1.1", 200)
    logging.getLogger("uvicorn.error").info('%s - "WebSocket %s" [accepted]', ("1.2.3.4", 5), f"/ws?token={JWT[3:]}")
    own.error("auth.failed", error=f"Bearer {JWT}", exc_info=ValueError(f"bad credentials {JWT}"))
    shown = console()
    written = "".join(file.read_text() for file in tmp_path.glob("*.log"))
    assert len(parsed(shown)) == 5
    assert len(parsed(written)) == 6  # the error is in both files
    assert JWT[3:] not in shown + written


def test_warnings_are_log_records(console: Callable[[], str]) -> None:
    configure()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old ways", stacklevel=1)
    [line] = parsed(console())
    assert line["logger"] == "py.warnings"
    assert "old ways" in line["event"]


async def talk(server: ServerProcess, person: Person, said: str) -> None:
    """Brings the token and the words everywhere a client can: the URL, a header, good frames and bad ones."""
    url = f"{server.ws_url}?token={person.token}"
    async with ChatClient.connect(url, person.token, headers={"Authorization": f"Bearer {person.token}"}) as client:
        await client.call("join-room", roomId="lobby")
        await client.call("chat-message", roomId="lobby", content=said)
        await client.send_text(f'{{"type": "chat-message", "content": "{said}"')  # not JSON
        await client.expect("error")
        await client.send("auth", token=person.token + said)
        await client.expect("auth-failed")


@pytest.mark.parametrize("kind", ["uvicorn", "daphne"])
def test_real_servers_log_no_token_and_no_message_text(
    kind: str, make_server: Callable[..., ServerProcess], tmp_path: Path
) -> None:
    server = make_server(kind, LOG_DIR=tmp_path / "logs", LOG_LEVEL="DEBUG")
    person, said = server.person("alice"), "words-nobody-may-read"
    asyncio.run(talk(server, person, said))
    urlopen(f"{server.url}/metrics?access_token={person.token}", timeout=10).close()  # noqa: S310 - our own address
    server.terminate()
    written = "".join(path.read_text() for path in tmp_path.rglob("*.log"))
    assert "socket.opened" in written
    assert "socket.closed" in written
    assert said not in written
    assert person.token not in written
    assert person.token.split(".")[2] not in written
