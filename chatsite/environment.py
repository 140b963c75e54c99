"""Reads single settings from the environment; a wrong value raises `ImproperlyConfigured` naming the variable."""

import json
import os
import re
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from rooms import conf, rates, redis_hosts, setting, trust

DEVELOPMENT_SECRET = "development-only-secret-of-32-characters-or-more"  # noqa: S105 - only with DEBUG
POOL_SIZE = 20  # PostgreSQL connections of one process; processes x 20 must stay under the server's max_connections
# With PostgreSQL away a caller gets an error after this. The pool's attempts to reconnect end then too, and the next
# caller starts new ones: otherwise each waits twice as long as the one before, and notices the server minutes late.
POOL_WAIT_S = 3
# Planning a statement of rooms.storage takes PostgreSQL longer than running it: storing a message 1.2 -> 0.5 ms.
PREPARED = {"server_side_binding": True, "prepare_threshold": 2}
# Against a transaction that never ends or a cut cable: a caller gets an error, and does not wait for hours.
NO_ENDLESS_WAIT = {
    "options": "-c lock_timeout=10s",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
MAIL_PORTS = {"smtps": 587, "smtp+tls": 587, "smtp+ssl": 465}
MAIL_TIMEOUT_S = 10


def text(name: str, *, default: str) -> str:
    """The variable, or the content of the file that the variable `<name>_FILE` names: where secrets come as files."""
    value, path = os.environ.get(name, "").strip(), os.environ.get(f"{name}_FILE", "").strip()
    if value and path:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: remove one of them.")
    return value or (_content(f"{name}_FILE", path) if path else default)


def _content(name: str, path: str) -> str:
    try:
        content = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ImproperlyConfigured(f"{name} names {path}, which cannot be read: {reason}.") from None
    if not content:
        raise ImproperlyConfigured(f"{name} names {path}, which is empty.")
    return content


def flag(name: str, *, default: bool) -> bool:
    """One of 1/0, true/false, yes/no, on/off; empty means the default."""
    value = text(name, default="").lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    if value:
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")
    return default


def number(name: str, *, default: int, minimum: int = 0, maximum: int | None = None) -> int:
    value = text(name, default=str(default))
    allowed = f"a whole number from {minimum}" + (f" to {maximum}" if maximum is not None else "")
    if not re.fullmatch(r"-?\d{1,18}", value):
        raise ImproperlyConfigured(f"{name} must be {allowed}, not {value!r}.")
    if int(value) < minimum or (maximum is not None and int(value) > maximum):
        raise ImproperlyConfigured(f"{name} must be {allowed}, not {value}.")
    return int(value)


def words(name: str, *, default: list[str]) -> list[str]:
    """Words separated by commas."""
    value = text(name, default="")
    return [word.strip() for word in value.split(",") if word.strip()] if value else default


def networks(name: str, *, default: list[str]) -> list[str]:
    """IP addresses and networks (`10.0.0.0/8`) separated by commas."""
    values = words(name, default=default)
    for value in values:
        try:
            ip_network(value)
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} must be addresses or networks by commas: {error}.") from None
    return values


def rate(name: str) -> str:
    """A rate as rooms.rates reads it."""
    value = text(name, default="0")
    try:
        rates.parse(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} {error}, not {value!r}.") from None
    return value


def window(name: str) -> str:
    """Seconds, or `always`."""
    value = text(name, default="")
    if wrong := setting.Window(None).problem(value):
        raise ImproperlyConfigured(f"{name} {wrong}, not {value!r}.")
    return value


def choice(name: str, *, default: str, options: Sequence[str]) -> str:
    """One of these words, in whatever case."""
    value = text(name, default=default)
    found = next((option for option in options if option.upper() == value.upper()), None)
    if found is None:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(options)}, not {value!r}.")
    return found


def chat() -> dict[str, Any]:
    """The settings of the chat that the environment sets, by name."""
    return {name: _setting(name, kind) for name, kind in conf.SETTINGS.items() if text(name, default="")}


def _setting(name: str, kind: setting.Setting[Any]) -> Any:  # noqa: PLR0911 - a table, one line an entry
    match kind:
        case setting.Number():
            return number(name, default=kind.default, minimum=kind.minimum, maximum=kind.maximum)
        case setting.Window():
            return window(name)
        case setting.RateLimit():
            return rate(name)
        case setting.Words():
            return words(name, default=[])
        case setting.Issuers():
            return issuers(name)
        case setting.Choice():
            return choice(name, default=kind.default, options=kind.options)
        case setting.Text() | setting.Function() | setting.RedisServers():
            return text(name, default="")
    return flag(name, default=kind.default)


def issuers(name: str) -> Any:
    """A JSON list of issuers, as rooms.trust describes them."""
    try:
        value = json.loads(text(name, default="[]"))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be JSON: {error}.") from None
    if wrong := trust.problem(value, debug=flag("DEBUG", default=False)):
        raise ImproperlyConfigured(f"{name} {wrong}.")
    return value


def secret(name: str, *, debug: bool) -> str:
    """A secret of at least 32 characters. Without DEBUG a missing one stops the start."""
    value = text(name, default=DEVELOPMENT_SECRET if debug else "")
    if not value:
        raise ImproperlyConfigured(f"{name} is missing. Set it to a long random text, or DEBUG=1 for development.")
    if len(value) < 32:
        raise ImproperlyConfigured(f"{name} is too short: it must have at least 32 characters.")
    return value


def database(name: str, *, default: str) -> dict[str, Any]:
    """Django's settings for an URL `sqlite:///…` or `postgres://…`, made safe for load."""
    url = text(name, default=default)
    if urlsplit(url).scheme not in ("sqlite", "postgres", "postgresql"):
        raise ImproperlyConfigured(f"{name} must begin with sqlite:/// or postgres://.")
    settings: dict[str, Any] = dict(environ.Env.db_url_config(url))
    if settings["ENGINE"].endswith("sqlite3"):
        # IMMEDIATE: a transaction that will write waits for the lock when it begins, and does not fail with "locked".
        # WAL: readers do not wait for the writer. synchronous=NORMAL is durable against a killed process; a power cut
        # may take the last commits, which FULL keeps for one fsync a commit.
        # temp_store=MEMORY halves the CPU of a commit's statements; fewer checkpoints write a hot page less often.
        synchronous = choice("CHAT_SQLITE_SYNCHRONOUS", default="NORMAL", options=["NORMAL", "FULL"])
        settings["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous}; PRAGMA temp_store=MEMORY; "
            "PRAGMA wal_autocheckpoint=4000;",
        }
    else:
        settings["CONN_MAX_AGE"] = 0
        settings["OPTIONS"] = {
            **NO_ENDLESS_WAIT,
            **(PREPARED if flag("CHAT_PREPARED_STATEMENTS", default=True) else {}),
            **settings.get("OPTIONS", {}),
            "pool": {"min_size": 2, "max_size": POOL_SIZE, "timeout": POOL_WAIT_S, "reconnect_timeout": POOL_WAIT_S},
        }
    return settings


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{quote(str(path))}"


def mail(name: str, *, default: str) -> dict[str, Any]:
    """Django's settings for an URL `smtp+tls://user:password@host:587`; the other schemes are for development."""
    url = text(name, default=default)
    scheme = urlsplit(url).scheme
    if scheme not in environ.Env.EMAIL_SCHEMES:
        raise ImproperlyConfigured(f"{name} must begin with smtp+tls://, smtp+ssl://, smtp:// or consolemail://.")
    try:
        settings: dict[str, Any] = dict(environ.Env.email_url_config(url))
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is no URL: {error}.") from None
    return settings | {
        "EMAIL_HOST": settings["EMAIL_HOST"] or "localhost",
        "EMAIL_PORT": settings["EMAIL_PORT"] or MAIL_PORTS.get(scheme, 25),
        "EMAIL_TIMEOUT": MAIL_TIMEOUT_S,
    }


def redis_url() -> str:
    """`REDIS_URL`, one or several by commas, or one made of `REDIS_HOST` and `REDIS_PORT`; empty: one process."""
    url = text("REDIS_URL", default="")
    if not url and (host := text("REDIS_HOST", default="")):
        url = f"redis://{host}:{number('REDIS_PORT', default=6379, minimum=1, maximum=65535)}/0"
    try:
        redis_hosts.parse(url)
    except ValueError as error:
        raise ImproperlyConfigured(f"REDIS_URL {error}.") from None
    return url


def redis_prefix() -> str:
    """What the name of every key and group in Redis begins with; a colon or "__" follows it."""
    prefix = text("CHAT_REDIS_PREFIX", default="chat")
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,50}", prefix):
        raise ImproperlyConfigured(
            f"CHAT_REDIS_PREFIX must be up to 50 letters, digits, dots, dashes and underscores, not {prefix!r}."
        )
    return prefix


def channel_layer(url: str, prefix: str) -> dict[str, Any]:
    if not url:
        # One channel per process carries everything, so its queue must be long; what it drops is found by seq.
        return {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 100_000}}
    # Pub/sub knows no database number: only the prefix keeps two installations on one server apart.
    config = {"hosts": redis_hosts.parse(url), "prefix": prefix}
    return {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": config}
