"""The project's functions that decide, named by settings: who may join, who may post, and what text is stored.

Each has a time budget and is counted. One that fails or takes longer refuses what it was asked about
(`unavailable`), or with CHAT_HOOKS_FAIL_OPEN allows it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import structlog
from django.contrib.auth import get_user_model

from monitoring import metrics
from rooms import database
from rooms.commands import Call
from rooms.conf import conf
from rooms.errors import ChatError, Refused, Unavailable
from rooms.models import Room

log = structlog.get_logger(__name__)


def check_join(user_id: Any, room_id: int) -> None:
    """Raises Refused when CHAT_CAN_JOIN does not let this user into this room."""
    if conf.CHAT_CAN_JOIN is not None and not _ask("can_join", conf.CHAT_CAN_JOIN, *_who(user_id, room_id)):
        raise Refused


def decide_posts() -> bool:
    """Whether posting asks a hook."""
    return conf.CHAT_CAN_POST is not None or conf.CHAT_BEFORE_POST is not None


def check_may_post(user_id: Any, room_id: int) -> None:
    """Raises Refused when CHAT_CAN_POST does not let this user write in this room. From a thread."""
    if conf.CHAT_CAN_POST is not None and not _ask("can_post", conf.CHAT_CAN_POST, *_who(user_id, room_id)):
        raise Refused


def check_post(user_id: Any, room_id: int, text: str) -> str:
    """The text to store; raises Refused. From a thread."""
    if not decide_posts():
        return text
    who = _who(user_id, room_id)
    if conf.CHAT_CAN_POST is not None and not _ask("can_post", conf.CHAT_CAN_POST, *who):
        raise Refused
    return (
        text if conf.CHAT_BEFORE_POST is None else _text(text, _ask("before_post", conf.CHAT_BEFORE_POST, *who, text))
    )


async def acheck_post(user_id: Any, room_id: int, text: str) -> str:
    """The same from the event loop, which goes on while the hooks run."""
    if not decide_posts():
        return text
    who = await database.call(_who, user_id, room_id)
    if conf.CHAT_CAN_POST is not None and not await _aask("can_post", conf.CHAT_CAN_POST, *who):
        raise Refused
    if conf.CHAT_BEFORE_POST is None:
        return text
    return _text(text, await _aask("before_post", conf.CHAT_BEFORE_POST, *who, text))


def run_command(command: Callable[..., Any], user_id: Any, room_id: int, arguments: str) -> str:
    """What a slash command of the project answers; raises what it is refused with, or Unavailable. From a thread."""
    answer = _ask("command", command, Call(*_who(user_id, room_id), arguments))
    if answer is True:  # it has failed: nothing that could be allowed all the same
        raise Unavailable("This command has failed")
    return str(answer or "")


def _who(user_id: Any, room_id: int) -> tuple[Any, Any]:
    """Read on the caller's own connection: a hook is asked about what is not committed, too."""
    user = get_user_model()._base_manager.filter(pk=user_id).first()  # noqa: SLF001 - Django's own, of all users
    return user, Room.objects.filter(pk=room_id).first()


def _text(text: str, answer: Any) -> str:
    """What the hook made of the text; where it failed and that means allowed, the text as it was."""
    return answer if isinstance(answer, str) else text


def _ask(name: str, hook: Callable[..., Any], *args: Any) -> Any:
    asked = database.submit_hook(hook, *args)
    try:
        return _answered(name, asked.result(conf.CHAT_HOOK_BUDGET_MS / 1000))
    except Exception as error:  # noqa: BLE001 - whatever the project's code raises
        return _failed(name, asked, error)


async def _aask(name: str, hook: Callable[..., Any], *args: Any) -> Any:
    asked = database.submit_hook(hook, *args)
    try:
        return _answered(name, await asyncio.wait_for(asyncio.wrap_future(asked), conf.CHAT_HOOK_BUDGET_MS / 1000))
    except Exception as error:  # noqa: BLE001 - the same
        return _failed(name, asked, error)


def _answered(name: str, answer: Any) -> Any:
    metrics.hook_called(name, "answered")
    return answer


def _failed(name: str, asked: "Future[Any]", error: Exception) -> bool:
    """True: allowed all the same. Raises what the hook refused with, or Unavailable."""
    if isinstance(error, ChatError) and not isinstance(error, Unavailable):
        metrics.hook_called(name, "refused")
        raise error
    is_late = isinstance(error, TimeoutError)
    asked.cancel()  # one that runs goes on, and keeps its thread
    metrics.hook_called(name, "late" if is_late else "failed")
    log.warning("hook.failed", hook=name, late=is_late, exc_info=None if is_late else error)
    if conf.CHAT_HOOKS_FAIL_OPEN:
        return True
    raise Unavailable("This cannot be decided now") from None
