"""Writing to a disk: no write that stops half-way unseen, and errors said in the words of an object store."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO

from ocr_pipeline.domain.errors import StoreFull, StoreUnavailable

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def disk_errors_mapped(disk: str) -> Iterator[None]:
    """Turn the errors of a disk, named as messages shall name it, into StoreFull and StoreUnavailable."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StoreFull(f"{disk} has no room left") from error
        raise StoreUnavailable(f"{disk} fails: {error.strerror}") from error


def write_all(file: FileIO, data: bytes) -> None:
    """Write every byte to an unbuffered file, which may take fewer at a time. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
