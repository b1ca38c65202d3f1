"""Files a person or a bulk run names: on a disk or below an S3 prefix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to read. `label` is its path relative to what was named (PHI), `size` its bytes.

    `read` gives the content; it raises StoreUnavailable, ObjectMissing or ConfigurationError where it cannot.
    """

    label: str
    size: int
    read: Callable[[], bytes]
