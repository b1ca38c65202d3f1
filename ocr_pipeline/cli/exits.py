"""Exit codes, and the one place that turns an error into a line and a code."""

from __future__ import annotations

from enum import IntEnum

from ocr_pipeline.domain.errors import (
    ConfigurationError,
    Conflict,
    InputMissing,
    IntegrityError,
    NotFound,
    PipelineError,
    Refused,
    StoreFull,
    Unavailable,
)
from ocr_pipeline.operations.access import InvalidAccess


class Exit(IntEnum):
    """What a command tells the shell."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_READY = 3
    NOT_FOUND = 4
    REFUSED = 5
    UNAVAILABLE = 6
    NOT_INTACT = 7
    INTERRUPTED = 130


EXITS_HELP = (
    "Exit codes: 0 done; 1 unexpected error; 2 wrong usage; 3 settings or surroundings not ready; 4 not found or not "
    "possible in this state; 5 done, but some files were refused or failed; 6 a service does not answer or is full; "
    "7 records are not intact; 130 interrupted (run again to go on)."
)

_EXITS: tuple[tuple[type[PipelineError], Exit], ...] = (
    (ConfigurationError, Exit.NOT_READY),
    (InputMissing, Exit.NOT_FOUND),
    (NotFound, Exit.NOT_FOUND),
    (Conflict, Exit.NOT_FOUND),
    (Refused, Exit.REFUSED),
    (Unavailable, Exit.UNAVAILABLE),
    (StoreFull, Exit.UNAVAILABLE),
    (InvalidAccess, Exit.USAGE),
    (IntegrityError, Exit.NOT_INTACT),
)


def exit_of(error: PipelineError) -> Exit:
    """The exit code of an error."""
    return next((code for kind, code in _EXITS if isinstance(error, kind)), Exit.ERROR)
