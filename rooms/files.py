"""Where the bytes of attachments are: the storage of CHAT_FILE_STORAGE. Whatever it fails with becomes Unavailable.

Paths are random and have nothing of the ids that members see: who finds one id finds no path. Knows no models.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import structlog
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from rooms.conf import conf
from rooms.errors import NoSuchAttachment, Unavailable

log = structlog.get_logger(__name__)
ADDRESS_S = 60  # an address of the storage's own is valid: to begin a download, not to pass it on


def storage() -> Storage:
    return storages[conf.CHAT_FILE_STORAGE]


def max_bytes() -> int:
    """Of the largest file; 0 where none are taken: also where the storage would write into the directory in which the
    server was started.
    """
    place = storage()
    has_place = not isinstance(place, FileSystemStorage) or bool(place.base_location)
    return conf.CHAT_MAX_FILE_BYTES if has_place else 0


def new_path() -> str:
    name = secrets.token_hex(16)
    return f"chat/{name[:2]}/{name}"


def save(path: str, content: IO[bytes]) -> str:
    """Stores a file, and answers where it is."""
    with _failing("save"):
        content.seek(0)
        return storage().save(path, File(content, name=path))


def opened(path: str, *, at: int = 0) -> IO[bytes]:
    """A file to be read from this byte on; raises NoSuchAttachment when the storage has lost it."""
    with _failing("open"):
        try:
            file = storage().open(path, "rb")
            file.seek(at)
        except FileNotFoundError:
            log.exception("files.lost", path=path)
            raise NoSuchAttachment from None
    return file


def read(file: IO[bytes], count: int) -> bytes:
    with _failing("read"):
        return file.read(count)


def delete(path: str) -> None:
    """Deletes a file; nothing when there is none."""
    with _failing("delete"):
        storage().delete(path)


def signed_address(path: str, *, content_type: str, disposition: str) -> str:
    """An address at the storage itself that ends in ADDRESS_S, as the storages for buckets of django-storages make."""
    parameters = {"ResponseContentType": content_type, "ResponseContentDisposition": disposition}
    signed: Any = storage()
    with _failing("sign"):
        return str(signed.url(path, parameters=parameters, expire=ADDRESS_S))


@contextmanager
def _failing(what: str) -> Iterator[None]:
    try:
        yield
    except (NoSuchAttachment, Unavailable):
        raise
    except Exception as error:
        log.warning("files.failed", what=what, exc_info=error)
        raise Unavailable("The storage of files does not answer") from None
