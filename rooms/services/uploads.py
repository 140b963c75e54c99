"""Uploading files: what may be uploaded, how much in a day, and where it is put.

The row comes before the file, so that nothing is stored that no row leads to: what fails or ends in between is a row
that nobody sees, and the sweep deletes it with whatever has been stored.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import IO, Any

from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, transaction
from django.db.models import Sum
from django.utils import timezone

from rooms import file_names, file_types, files, images
from rooms.conf import conf
from rooms.errors import Forbidden, InvalidAttachment, RateLimited, TooLarge
from rooms.models import Attachment
from rooms.services.sweeping import remove

DAY = timedelta(days=1)


def upload(*, user_id: Any, file: IO[bytes], name: str, size: int) -> Attachment:
    """Stores a file that a message of this user may then have. Blocks: from a thread.

    Raises Forbidden where no files are taken, TooLarge, RateLimited for too much in a day, InvalidAttachment for what
    is empty or no whole image, Unavailable.
    """
    check_size(size)
    head = file.read(file_types.HEAD_BYTES)
    if not head:
        raise InvalidAttachment("The file is empty")
    kind = file_types.content_type(head)
    row = _reserved(user_id, name=file_names.cleaned(name), content_type=kind, size=size)
    with _removed_on_failure(row):
        if kind in file_types.IMAGES:
            _store_image(row, file)
        else:
            row.path = files.save(row.path, file)
        row.is_stored = True
        row.save(update_fields=["path", "thumbnail_path", "size", "width", "height", "is_stored"])
    return row


def check_size(size: int) -> None:
    """Raises Forbidden where no files are taken, and TooLarge."""
    limit = files.max_bytes()
    if not limit:
        raise Forbidden("No files are taken here")
    if size > limit:
        raise TooLarge(f"The file is over {limit} bytes")


def _reserved(user_id: Any, *, size: int, **values: Any) -> Attachment:
    """A row for a file that is not stored yet, within the day's quota: two uploads at once do not pass it together."""
    now = timezone.now()
    users = get_user_model()._base_manager  # noqa: SLF001 - Django's own, of all users
    with transaction.atomic():
        no_key = connection.features.has_select_for_no_key_update  # their messages go on meanwhile
        users.select_for_update(of=("self",), no_key=no_key).filter(pk=user_id).first()
        today = Attachment.objects.filter(owner_id=user_id, created_at__gt=now - DAY)
        used = today.aggregate(bytes=Sum("size"))["bytes"] or 0
        if 0 < conf.CHAT_FILE_DAY_BYTES < used + size:
            oldest = today.order_by("created_at").values_list("created_at", flat=True).first() or now
            wait_ms = int((oldest + DAY - now).total_seconds() * 1000)
            raise RateLimited("Too many bytes in one day", retry_after_ms=max(wait_ms, 1_000), bucket="file-day-bytes")
        return Attachment.objects.create(owner_id=user_id, path=files.new_path(), size=size, created_at=now, **values)


def _store_image(row: Attachment, file: IO[bytes]) -> None:
    with closing(images.remade(file, row.content_type)) as picture:
        row.size, row.width, row.height = picture.file.seek(0, 2), picture.width, picture.height
        check_size(row.size)
        row.path = files.save(row.path, picture.file)
        if picture.thumbnail is not None:
            row.thumbnail_path = f"{row.path}-small"
            Attachment.objects.filter(pk=row.pk).update(path=row.path, thumbnail_path=row.thumbnail_path)
            row.thumbnail_path = files.save(row.thumbnail_path, picture.thumbnail)


@contextmanager
def _removed_on_failure(row: Attachment) -> Iterator[None]:
    try:
        yield
    except BaseException:
        try:
            Attachment.objects.filter(pk=row.pk).update(attached_at=timezone.now())
            remove(row)
        except DatabaseError:
            pass  # the sweep does it when the row is a day old
        raise
