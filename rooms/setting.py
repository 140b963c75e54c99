"""The kinds of settings: how one is read, and what is wrong with a value."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from rooms import rates, trust
from rooms.redis_hosts import Host, parse

T = TypeVar("T")


class Setting(Generic[T]):
    """Reads a setting once, and again after it was changed."""

    is_secret = False  # whether its value may hold what nobody should read in a log

    def __init__(self, default: T) -> None:
        self.default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, conf: Any, owner: type) -> T:
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


class Window(Setting[int | None]):
    """Seconds in which something may be done; 0: never, `always`, empty or None: at any time."""

    def read(self, value: Any) -> int | None:
        return None if value in (None, "", "always") else int(value)

    def problem(self, value: Any) -> str | None:
        try:
            return None if (self.read(value) or 0) >= 0 and not isinstance(value, bool | float) else self.rule
        except (TypeError, ValueError):
            return self.rule

    rule = "must be a whole number of seconds, or always"


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


class Choice(Setting[str]):
    """One of several words."""

    def __init__(self, default: str, *others: str) -> None:
        super().__init__(default)
        self.options = (default, *others)

    def read(self, value: Any) -> str:
        """Raises ImproperlyConfigured, because a server may have started without the system checks."""
        if wrong := self.problem(value):
            raise ImproperlyConfigured(f"{self.name} {wrong}.")
        return str(value)

    def problem(self, value: Any) -> str | None:
        return None if value in self.options else f"must be one of {', '.join(self.options)}"


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


class RateLimit(Setting[rates.Rate | None]):
    """A rate as `rooms.rates` reads it. Adding one here makes a bucket of its name."""

    def __init__(self, default: str) -> None:
        super().__init__(rates.parse(default))
        self.written = default

    def read(self, value: Any) -> rates.Rate | None:
        return value if isinstance(value, rates.Rate) else rates.parse(str(value))

    def problem(self, value: Any) -> str | None:
        try:
            self.read(value)
        except ValueError as error:
            return str(error)
        return None
