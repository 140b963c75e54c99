"""The body of a request that is no upload of a file, before Django sees it: no larger than Django would take.

Django writes a whole body to the disk before it looks at the request, whoever sends it.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings

from rooms.api import upload_bodies
from rooms.api.answers import send_answer
from rooms.errors import TooLarge
from rooms.refusals import refusal

Application = Callable[[Any, Any, Any], Awaitable[None]]


def with_bounded_bodies(application: Application) -> Application:
    async def serve(scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if limit is None or upload_bodies.is_upload(scope):  # whose body has a limit already
            await application(scope, receive, send)
            return
        try:
            await upload_bodies.bounded(application, scope, receive, send, limit)
        except TooLarge as error:
            answer, status, headers = refusal(error)
            await send_answer(send, status, answer, headers)

    return serve
