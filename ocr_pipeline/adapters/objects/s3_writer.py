"""An object that arrives in pieces, staged on disk until all of it may go up to S3."""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from io import FileIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Protocol

from ocr_pipeline.adapters.objects.disk import disk_errors_mapped, write_all


class Send(Protocol):
    """Puts a staged file, which stands at its beginning, into the bucket."""

    def __call__(self, body: BinaryIO, size: int, digest: bytes, *, if_absent: bool) -> None: ...


class S3Writer:
    """A staged file that grows by pieces; its SHA-256 is taken on the way. Used by one thread at a time."""

    def __init__(self, staged: FileIO, send: Send) -> None:
        self._staged = staged
        self._send = send
        self._size = 0
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Add a piece. Raises StoreFull, StoreUnavailable; ValueError once the object was committed."""
        with staging_errors_mapped():
            write_all(self._staged, data)
        self._size += len(data)
        self._digest.update(data)

    def commit(self, *, if_absent: bool = False) -> None:
        """Put the object. Raises ObjectExists, StoreFull, StoreUnavailable; ValueError the second time."""
        with self._staged:
            with staging_errors_mapped():
                self._staged.seek(0)
            self._send(self._staged, self._size, self._digest.digest(), if_absent=if_absent)


def nameless_file(folder: Path | None) -> FileIO:
    """A file that no other process finds and that is gone once it is closed, or its process dies.

    Raises StoreFull, StoreUnavailable.
    """
    with staging_errors_mapped():
        return TemporaryFile(dir=folder, buffering=0)


def staging_errors_mapped() -> AbstractContextManager[None]:
    """Turn the errors of the staging disk into StoreFull and StoreUnavailable."""
    return disk_errors_mapped("the disk that objects are staged on")
