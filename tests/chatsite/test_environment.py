"""Settings from the environment: good values are taken, wrong ones stop the start and name the variable."""

import json
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from chatsite import environment

VARIABLE = "CHAT_SOMETHING"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch):
    return lambda value: monkeypatch.setenv(VARIABLE, value)


@pytest.mark.parametrize(
    ("value", "meaning"), [("1", True), ("on", True), ("Yes", True), ("0", False), ("FALSE", False)]
)
def test_a_flag_is_read_in_each_usual_spelling(given, value: str, meaning: bool) -> None:
    given(value)
    assert environment.flag(VARIABLE, default=not meaning) is meaning


@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_variable_means_the_default(given, value: str) -> None:
    given(value)
    assert environment.text(VARIABLE, default="x") == "x"
    assert environment.flag(VARIABLE, default=True) is True
    assert environment.number(VARIABLE, default=7) == 7
    assert environment.words(VARIABLE, default=["a"]) == ["a"]


def test_a_file_may_hold_the_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "value"
    file.write_text(f" {'s' * 40}\n")
    monkeypatch.setenv(f"{VARIABLE}_FILE", str(file))
    monkeypatch.setenv(VARIABLE, " ")
    assert environment.text(VARIABLE, default="x") == environment.secret(VARIABLE, debug=False) == "s" * 40
    file.write_text("postgres://chat:pass@db.example/chat\n")
    assert environment.database(VARIABLE, default="")["HOST"] == "db.example"


def test_a_variable_and_its_file_together_are_refused(given, monkeypatch: pytest.MonkeyPatch) -> None:
    given("one")
    monkeypatch.setenv(f"{VARIABLE}_FILE", __file__)
    with pytest.raises(ImproperlyConfigured, match=f"^{VARIABLE} and {VARIABLE}_FILE are both set: remove one of them"):
        environment.text(VARIABLE, default="")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\xff", "cannot be read: it is not UTF-8"),
        (b" \n", "is empty"),
    ],
)
def test_a_file_without_a_value_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "value"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv(f"{VARIABLE}_FILE", str(file))
    with pytest.raises(ImproperlyConfigured, match=f"^{VARIABLE}_FILE names {file}, which {reason}"):
        environment.text(VARIABLE, default="x")


def test_words_are_separated_by_commas_and_trimmed(given) -> None:
    given(" one, two,,three ")
    assert environment.words(VARIABLE, default=[]) == ["one", "two", "three"]


@pytest.mark.parametrize("value", ["maybe", "2", "tru e"])
def test_a_flag_that_is_neither_is_refused_by_name(given, value: str) -> None:
    given(value)
    with pytest.raises(ImproperlyConfigured, match=f"^{VARIABLE} must be true or false, not '{value}'"):
        environment.flag(VARIABLE, default=True)


@pytest.mark.parametrize("value", ["many", "1.5", "-1", "101", "0x10", "1_0", "9" * 40])
def test_a_number_outside_its_rule_is_refused_by_name(given, value: str) -> None:
    given(value)
    with pytest.raises(ImproperlyConfigured, match=f"^{VARIABLE} must be a whole number from 0 to 100"):
        environment.number(VARIABLE, default=5, maximum=100)


@pytest.mark.parametrize("value", ["10.0.0.1/8", "localhost", "*", "10.0.0"])
def test_a_network_that_is_none_is_refused_by_name(given, value: str) -> None:
    given(f"127.0.0.1, 10.0.0.0/8, ::1, {value}")
    with pytest.raises(ImproperlyConfigured, match=f"^{VARIABLE} must be addresses or networks by commas: "):
        environment.networks(VARIABLE, default=[])


def test_a_rate_is_read_and_refused_by_name_when_it_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_RATE_JOINS", "2/s burst 7")
    assert environment.chat()["CHAT_RATE_JOINS"] == "2/s burst 7"
    monkeypatch.setenv("CHAT_RATE_JOINS", "often")
    with pytest.raises(ImproperlyConfigured, match=r"^CHAT_RATE_JOINS must be a rate such as .*, not 'often'\.$"):
        environment.chat()


def test_a_choice_is_read_in_any_case_and_refused_outside_its_options(given) -> None:
    given("info")
    assert environment.choice(VARIABLE, default="ERROR", options=["INFO", "ERROR"]) == "INFO"
    given("loud")
    with pytest.raises(ImproperlyConfigured, match=f"^{VARIABLE} must be one of INFO, ERROR"):
        environment.choice(VARIABLE, default="ERROR", options=["INFO", "ERROR"])


def test_a_missing_secret_stops_the_start_except_in_development() -> None:
    assert environment.secret(VARIABLE, debug=True) == environment.DEVELOPMENT_SECRET
    with pytest.raises(ImproperlyConfigured, match=f"^{VARIABLE} is missing"):
        environment.secret(VARIABLE, debug=False)


@pytest.mark.parametrize("debug", [True, False])
def test_a_short_secret_is_refused_everywhere(given, debug: bool) -> None:
    given("s" * 31)
    with pytest.raises(ImproperlyConfigured, match=f"^{VARIABLE} is too short"):
        environment.secret(VARIABLE, debug=debug)
    given("s" * 32)
    assert environment.secret(VARIABLE, debug=debug) == "s" * 32


def test_sqlite_waits_for_its_turn_and_lets_readers_read(given) -> None:
    given("sqlite:////var/chat/chat.sqlite3")
    settings = environment.database(VARIABLE, default="")
    assert settings["NAME"] == "/var/chat/chat.sqlite3"
    assert settings["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in settings["OPTIONS"]["init_command"]


@pytest.mark.django_db
def test_the_options_of_sqlite_are_in_force_on_a_real_connection() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        names = ("journal_mode", "synchronous", "temp_store", "wal_autocheckpoint")
        values = [cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in names]
    assert values == ["wal", 1, 2, 4000]


def test_postgresql_gets_a_pool_and_no_lasting_connections(given) -> None:
    given("postgres://chat:pass@db.example:5433/chat?sslmode=require")
    settings = environment.database(VARIABLE, default="")
    assert (settings["HOST"], settings["PORT"], settings["NAME"]) == ("db.example", 5433, "chat")
    assert settings["CONN_MAX_AGE"] == 0
    assert settings["OPTIONS"]["pool"]["max_size"] == environment.POOL_SIZE
    assert settings["OPTIONS"]["options"] == "-c lock_timeout=10s"
    assert settings["OPTIONS"]["sslmode"] == "require"


@pytest.mark.parametrize(("value", "is_prepared"), [("", True), ("1", True), ("0", False)])
def test_postgresql_prepares_statements_unless_that_is_turned_off(
    given, monkeypatch: pytest.MonkeyPatch, value: str, is_prepared: bool
) -> None:
    given("postgres://chat:pass@db.example/chat")
    monkeypatch.setenv("CHAT_PREPARED_STATEMENTS", value)
    assert ("prepare_threshold" in environment.database(VARIABLE, default="")["OPTIONS"]) is is_prepared


@pytest.mark.parametrize(("value", "pragma"), [("", "NORMAL"), ("full", "FULL")])
def test_sqlite_waits_for_the_disk_where_that_is_asked(
    given, monkeypatch: pytest.MonkeyPatch, value: str, pragma: str
) -> None:
    given("sqlite:///chat.sqlite3")
    monkeypatch.setenv("CHAT_SQLITE_SYNCHRONOUS", value)
    assert f"synchronous={pragma};" in environment.database(VARIABLE, default="")["OPTIONS"]["init_command"]


def test_another_kind_of_database_is_refused_by_name(given) -> None:
    given("mysql://localhost/chat")
    with pytest.raises(ImproperlyConfigured, match=f"^{VARIABLE} must begin with sqlite:/// or postgres://"):
        environment.database(VARIABLE, default="")


@pytest.mark.parametrize(
    ("url", "port", "tls", "ssl"),
    [
        ("smtp+tls://chat%40example.com:p%2Fw@mail.example", 587, True, False),
        ("smtp+ssl://chat%40example.com:p%2Fw@mail.example", 465, False, True),
        ("smtp://chat%40example.com:p%2Fw@mail.example:2525", 2525, False, False),
    ],
)
def test_a_mail_server_is_named_by_a_url(given, url: str, port: int, tls: bool, ssl: bool) -> None:
    given(url)
    mail = environment.mail(VARIABLE, default="consolemail://")
    assert mail["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"
    assert (mail["EMAIL_HOST"], mail["EMAIL_PORT"]) == ("mail.example", port)
    assert (mail["EMAIL_HOST_USER"], mail["EMAIL_HOST_PASSWORD"]) == ("chat@example.com", "p/w")
    assert (mail.get("EMAIL_USE_TLS", False), mail.get("EMAIL_USE_SSL", False)) == (tls, ssl)
    assert mail["EMAIL_TIMEOUT"] == 10


@pytest.mark.parametrize("url", ["mail.example", "http://mail.example", "smtp://mail.example:99999"])
def test_a_wrong_mail_server_is_refused_by_name(given, url: str) -> None:
    given(url)
    with pytest.raises(ImproperlyConfigured, match=f"^{VARIABLE} "):
        environment.mail(VARIABLE, default="consolemail://")


@pytest.mark.parametrize("path", ["/a b/c#1+2%20?x/中/db.sqlite3", r"C:\Users\x y\db.sqlite3"])
def test_a_database_file_may_be_in_any_folder(given, path: str) -> None:
    given(environment.sqlite_url(Path(path)))
    assert environment.database(VARIABLE, default="")["NAME"] == path


def test_redis_is_named_by_url_or_by_host_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.redis_url() == ""
    monkeypatch.setenv("REDIS_HOST", "cache")
    assert environment.redis_url() == "redis://cache:6379/0"
    monkeypatch.setenv("REDIS_PORT", "6380")
    assert environment.redis_url() == "redis://cache:6380/0"
    monkeypatch.setenv("REDIS_URL", "rediss://elsewhere/1")
    assert environment.redis_url() == "rediss://elsewhere/1"


@pytest.mark.parametrize(("name", "value"), [("REDIS_URL", "http://cache"), ("REDIS_PORT", "70000")])
def test_a_wrong_redis_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv("REDIS_HOST", "cache")
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=f"^{name} must "):
        environment.redis_url()


def test_redis_decides_which_channel_layer_there_is() -> None:
    assert environment.channel_layer("", "chat")["BACKEND"].endswith("InMemoryChannelLayer")
    layer = environment.channel_layer("redis://cache/0", "staging")
    assert layer["BACKEND"].endswith("RedisPubSubChannelLayer")
    assert layer["CONFIG"] == {"hosts": [{"address": "redis://cache/0"}], "prefix": "staging"}


def test_the_prefix_in_redis_is_read_and_refused_when_it_is_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.redis_prefix() == "chat"
    monkeypatch.setenv("CHAT_REDIS_PREFIX", "staging-2.eu")
    assert environment.redis_prefix() == "staging-2.eu"
    for value in ("a b", "chat:", "*", "x" * 51):
        monkeypatch.setenv("CHAT_REDIS_PREFIX", value)
        with pytest.raises(ImproperlyConfigured, match=r"^CHAT_REDIS_PREFIX must be up to 50 letters"):
            environment.redis_prefix()


# --- Issuers ----------------------------------------------------------------------------------------------------------
ENTRY = {"issuer": "https://login.example.com/", "audience": "chat", "jwks_url": "https://login.example.com/jwks.json"}


def test_issuers_are_read_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_ISSUERS", json.dumps([ENTRY]))
    assert environment.chat()["CHAT_ISSUERS"] == [ENTRY]


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("nonsense", "must be JSON: Expecting value"),
        ("{}", "must be a list of issuers: Expected `array`, got `object`"),
        (json.dumps([ENTRY | {"jwks_url": "http://login.example.com/jwks.json"}]), "must have https://"),
    ],
)
def test_issuers_that_are_none_are_refused_by_name(monkeypatch: pytest.MonkeyPatch, value: str, complaint: str) -> None:
    monkeypatch.setenv("DEBUG", "0")
    monkeypatch.setenv("CHAT_ISSUERS", value)
    with pytest.raises(ImproperlyConfigured, match=f"^CHAT_ISSUERS {complaint}"):
        environment.chat()


def test_keys_of_an_issuer_may_be_read_without_tls_in_development(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_ISSUERS", json.dumps([ENTRY | {"jwks_url": "http://127.0.0.1:9000/jwks.json"}]))
    assert environment.chat()["CHAT_ISSUERS"]
