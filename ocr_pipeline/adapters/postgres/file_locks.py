"""Locks between processes (flock) on private files. The kernel frees them when their last holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ocr_pipeline.domain.errors import DatabaseUnavailable

_POLL = 0.05


def open_private(path: Path, flags: int = os.O_RDWR) -> int:
    """A descriptor on a file that only its owner may read, made when missing; never through a symbolic link.

    Under root it belongs to the owner of its folder, who may come back without root.
    """
    descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def try_exclusive(path: Path) -> int | None:
    """A descriptor that holds the file alone, or None when someone else holds it."""
    descriptor = open_private(path)
    if _try(descriptor, fcntl.LOCK_EX):
        return descriptor
    os.close(descriptor)
    return None


def hold_shared(path: Path) -> int:
    """A descriptor that holds the file together with others; the caller knows that nobody holds it alone."""
    descriptor = open_private(path)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def release(descriptor: int) -> None:
    """Give up the lock, also on behalf of forked children that share the descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def is_free(path: Path) -> bool:
    """Whether nobody holds the file."""
    descriptor = try_exclusive(path)
    if descriptor is not None:
        release(descriptor)
    return descriptor is not None


@contextmanager
def exclusive(path: Path, timeout: float) -> Iterator[None]:
    """Hold the file alone inside the block. Raises DatabaseUnavailable after waiting for `timeout` seconds."""
    descriptor = open_private(path)
    try:
        deadline = time.monotonic() + timeout
        while not _try(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(f"another process keeps the embedded database busy ({path})")
            time.sleep(_POLL)
        yield
    finally:
        release(descriptor)


def _try(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
