"""Every setting of the chat, with its default, unit and rule. A project sets one under the same name in its settings.

Read when used, so `override_settings` works; `rooms.checks` reports wrong and unknown ones. The unit is in the name or
in the comment. 0 turns a limit off. docs/configuration.md describes them; a test compares the two.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from rooms import trust
from rooms.redis_hosts import Host, parse

T = TypeVar("T")


class Setting(Generic[T]):
    """Reads a setting once, and again after it was changed."""

    is_secret = False  # whether its value may hold what nobody should read in a log

    def __init__(self, default: T) -> None:
        self.default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, conf: "Conf", owner: type) -> T:
        value = self.read(getattr(settings, self.name, self.default))
        conf.__dict__[self.name] = value
        return value

    def read(self, value: Any) -> T:
        return value  # type: ignore[no-any-return]  # `problem` says what is wrong with it

    def problem(self, value: Any) -> str | None:
        """What is wrong with a value; None: nothing."""
        return None if isinstance(value, type(self.default)) else f"must be of type {type(self.default).__name__}"


class Number(Setting[int]):
    def __init__(self, default: int, minimum: int = 0, maximum: int | None = None) -> None:
        super().__init__(default)
        self.minimum, self.maximum = minimum, maximum

    def problem(self, value: Any) -> str | None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and self.minimum <= value <= (self.maximum if self.maximum is not None else value):
            return None
        return f"must be a number from {self.minimum}" + ("" if self.maximum is None else f" to {self.maximum}")


class Text(Setting[str]):
    def __init__(self, default: str, pattern: str = r".*") -> None:
        super().__init__(default)
        self.pattern = pattern

    def problem(self, value: Any) -> str | None:
        is_right = isinstance(value, str) and re.fullmatch(self.pattern, value)
        return None if is_right else f"must be a text that matches {self.pattern}"


class Words(Setting[Sequence[str]]):
    def problem(self, value: Any) -> str | None:
        is_right = isinstance(value, list | tuple) and all(isinstance(word, str) for word in value)
        return None if is_right else "must be a list of texts"


class Function(Setting[Callable[..., Any] | None]):
    """Names a function by its dotted path; empty: none."""

    def __init__(self) -> None:
        super().__init__(None)

    def read(self, value: Any) -> Callable[..., Any] | None:
        found: Callable[..., Any] | None = import_string(value) if value else None
        return found

    def problem(self, value: Any) -> str | None:
        try:
            found = import_string(value) if value else print
        except (ImportError, AttributeError, TypeError) as error:
            return f"must name a function by its dotted path: {error}"
        return None if callable(found) else "must name a function"


class Issuers(Setting[Sequence[trust.Issuer]]):
    """Other systems whose tokens sign people in: a list of dictionaries, as rooms.trust describes them."""

    is_secret = True

    def read(self, value: Any) -> Sequence[trust.Issuer]:
        """Raises ImproperlyConfigured, because a server may have started without the system checks."""
        if wrong := self.problem(value):
            raise ImproperlyConfigured(f"{self.name} {wrong}.")
        return trust.issuers(value)

    def problem(self, value: Any) -> str | None:
        return trust.problem(value, debug=settings.DEBUG)


class RedisServers(Setting[list[Host]]):
    """One URL, several by commas, or a list of them; read as the hosts they mean."""

    is_secret = True  # it may have a password

    def read(self, value: Any) -> list[Host]:
        return parse(value)

    def problem(self, value: Any) -> str | None:
        try:
            parse(value)
        except (ValueError, TypeError, AttributeError) as error:
            return str(error) if isinstance(error, ValueError) else "must be a URL or a list of URLs"
        return None


class Conf:
    # --- Connections --------------------------------------------------------------------------------------------------
    CHAT_SOCKET_PATH = Text("/ws", r"/[\w/.-]*[\w.-]")  # after the prefix of the site
    CHAT_MAX_CONNECTIONS = Number(10_000)  # sockets of one process
    CHAT_MAX_FRAME_BYTES = Number(65_536)  # 64 KiB: 16 x the longest message
    CHAT_MAX_ROOMS_PER_CONNECTION = Number(100)
    CHAT_MAX_PENDING_MESSAGES = Number(64)  # sent and not stored, of one connection
    CHAT_OUTBOX_BYTES = Number(524_288)  # unsent to one slow reader
    CHAT_HEARTBEAT_S = Number(30, minimum=1)  # ping; no pong by the next one: cut
    CHAT_ALLOWED_ORIGINS = Words([])  # besides the page's own, for sockets with a cookie

    # --- Messages and storage -----------------------------------------------------------------------------------------
    CHAT_MAX_CONTENT_CHARS = Number(4_000)  # about two printed pages
    CHAT_RESUME_MESSAGES = Number(1_000)  # a larger gap gets the newest page
    CHAT_HISTORY_LIMIT = Number(0)  # messages that `prune_history` leaves in a room
    CHAT_AUDIT_DAYS = Number(365)  # `prune_history` deletes what is older from the audit log
    CHAT_HEADS_INTERVAL_S = Number(5, minimum=1)  # between two searches for lost events
    CHAT_WRITE_QUEUE_MESSAGES = Number(10_000, minimum=1)  # waiting to be stored, of one process
    CHAT_WRITE_QUEUE_MESSAGES_PER_USER = Number(1_000)  # of these from one user: who floods is refused alone
    CHAT_DATABASE_THREADS = Number(4, minimum=1)  # parallel reads of one process
    CHAT_BATCH_SIZE = Number(20)  # events in one frame at most; 0 or 1: no batches
    CHAT_BATCH_INTERVAL_MS = Number(100, minimum=1)  # events that follow within it share a frame
    CHAT_COMPRESS_MIN_BYTES = Number(1_024)  # shorter frames hardly shrink

    # --- Presence and processes ---------------------------------------------------------------------------------------
    CHAT_MAX_NOTICED_MEMBERS = Number(100)  # above, members learn how many come and go, not who
    CHAT_LEAVE_DELAY_S = Number(2)  # a page that is reloaded has not left
    CHAT_DRAIN_S = Number(5)  # over which a stopping process closes its sockets
    CHAT_PRESENCE_LEASE_S = Number(15, minimum=2)  # the users of a dead process count as present until it expires
    CHAT_REDIS_URL = RedisServers([])  # empty: one process
    CHAT_REDIS_PREFIX = Text("chat", r"[A-Za-z0-9_.-]{1,50}")  # of every key
    CHAT_CHANNEL_LAYER = Text("default")  # its alias in CHANNEL_LAYERS

    # --- People -------------------------------------------------------------------------------------------------------
    CHAT_TOKEN_READER = Function()  # token → Identity; without it no token opens anything
    CHAT_DISPLAY_NAME = Function()  # user → text; else the model's username
    CHAT_AVATAR = Function()  # user → URL or None
    CHAT_SIGN_OUT_URL = Text("")  # a URL or its name: the page then has a button
    CHAT_ACCESS_MINUTES = Number(60, minimum=1)  # an access token is valid
    CHAT_REFRESH_DAYS = Number(14, minimum=1)  # a refresh token is valid
    CHAT_ISSUERS = Issuers(())  # other systems whose tokens `accounts` exchanges for its own

    # --- Hooks of the project -----------------------------------------------------------------------------------------
    CHAT_CAN_JOIN = Function()  # (user, room) → bool
    CHAT_CAN_POST = Function()  # (user, room) → bool
    CHAT_BEFORE_POST = Function()  # (user, room, text) → the text that is stored
    CHAT_HOOK_BUDGET_MS = Number(500, minimum=1)  # a hook that takes longer has failed
    CHAT_HOOKS_FAIL_OPEN = Setting(False)  # what a failed hook means: allowed, or refused as `unavailable`

    # --- Health -------------------------------------------------------------------------------------------------------
    CHAT_WARNING_MEMORY_MB = Number(500)  # resident; /health says warning above
    CHAT_WARNING_CONNECTIONS = Number(8_000)  # 80 % of CHAT_MAX_CONNECTIONS
    CHAT_CRITICAL_FAILED_PERCENT = Number(10, maximum=100)  # of a minute's commands


SETTINGS: dict[str, Setting[Any]] = {name: found for name, found in vars(Conf).items() if isinstance(found, Setting)}
conf = Conf()


def _forget(setting: str, **_: Any) -> None:
    conf.__dict__.pop(setting, None)


setting_changed.connect(_forget, dispatch_uid="chat.conf")
