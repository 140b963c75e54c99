"""Paths of the chat's pages and routes, as frames carry them: the same from a request and from a socket."""

from django.conf import settings
from django.urls import NoReverseMatch, get_script_prefix, reverse


def address(name: str, *args: str) -> str:
    """The path of a page or route of this name; empty where a project does not serve it."""
    try:
        found = reverse(f"chat:{name}", args=args)
    except NoReverseMatch:
        return ""
    # Only threads of requests know the prefix of the site.
    prefix = settings.FORCE_SCRIPT_NAME if get_script_prefix() == "/" else None
    return (prefix or "").rstrip("/") + found


def ends_as(name: str, path: str) -> bool:
    """Whether a path is that of a route, below whatever prefix, with or without a slash at its end."""
    try:
        own = reverse(f"chat:{name}").removeprefix(get_script_prefix())
    except NoReverseMatch:
        return False
    return f"/{path.strip('/')}".endswith(f"/{own.strip('/')}")
