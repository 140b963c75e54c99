"""Work that is repeated as long as a process runs."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from rooms.errors import ChatError

log = structlog.get_logger(__name__)


async def repeat(work: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Repeats the work at an interval; a failure is logged, and the next run follows."""
    while True:
        try:
            await work()
        except ChatError as error:
            log.warning("periodic.work_put_off", work=work.__name__, code=error.code)
        except Exception:
            log.exception("periodic.work_failed", work=work.__name__)
        await asyncio.sleep(seconds)
