"""A real-time chat for Django. What a project's code calls is here, and loaded when it is called."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rooms.callers import Caller
    from rooms.errors import AuthExpired, AuthRequired, ChatError, Conflict, Refused
    from rooms.project import (
        aadd_member,
        aban,
        add_member,
        adelete_message,
        adisconnect,
        aedit_message,
        amark_read,
        amark_unread,
        amissed,
        amoderate,
        anotify,
        aopen_direct,
        apin_message,
        apost_message,
        areact,
        arecheck,
        aremove_member,
        aroom_for,
        ashow_typing,
        aunban,
        aunread,
        aupload,
        ban,
        delete_message,
        disconnect,
        edit_message,
        mark_read,
        mark_unread,
        missed,
        moderate,
        notify,
        open_direct,
        pin_message,
        post_message,
        react,
        recheck,
        remove_member,
        room_for,
        show_typing,
        unban,
        unread,
        upload,
    )
    from rooms.streaming import astream_message, stream_message

__all__ = [
    "AuthExpired", "AuthRequired", "Caller", "ChatError", "Conflict", "Refused", "aadd_member", "aban", "add_member",
    "adelete_message", "adisconnect", "aedit_message", "amark_read", "amark_unread", "amissed", "amoderate", "anotify",
    "aopen_direct", "apin_message", "apost_message", "areact", "arecheck", "aremove_member", "aroom_for",
    "ashow_typing", "astream_message", "aunban", "aunread", "aupload", "ban", "delete_message", "disconnect",
    "edit_message", "mark_read", "mark_unread", "missed", "moderate", "notify", "open_direct", "pin_message",
    "post_message", "react", "recheck", "remove_member", "room_for", "show_typing", "stream_message", "unban", "unread",
    "upload",
]  # fmt: skip
__version__ = "1.0.0"
_MODULES = {
    "Caller": "callers",
    **dict.fromkeys(("AuthExpired", "AuthRequired", "ChatError", "Conflict", "Refused"), "errors"),
    **dict.fromkeys(("astream_message", "stream_message"), "streaming"),
}


def __getattr__(name: str) -> Any:
    """Not at the import of the package, which comes before Django's models are loaded."""
    if name not in __all__:
        raise AttributeError(f"module 'rooms' has no attribute {name!r}")
    return getattr(import_module(f"rooms.{_MODULES.get(name, 'project')}"), name)
