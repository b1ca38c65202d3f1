"""What the database refuses, said in the project's own errors.

The driver's message may quote values of a row, so it is never passed on: only the SQLSTATE and the name of a broken
constraint are, and the driver's exception is not chained.

Whoever presses Ctrl-C while a statement runs must be heard: tidying up after an interruption SQLAlchemy may fail with
an error of its own, which would take the interruption's place and pass for the database's refusal.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError, PendingRollbackError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ocr_pipeline.domain.errors import Conflict, DatabaseUnavailable, IntegrityError, PipelineError, StoreFull

_UNIQUE_VIOLATION = "23505"
_DISK_FULL = "53100"

_PASSING = {
    "25006": "it is a read-only standby",
    "25P02": "the unit of work failed before",
    "25P03": "the unit of work was idle for too long",
    "3D000": "it has no such database",
    "40001": "units of work collided",
    "40P01": "units of work waited for each other",
    "42P01": "a table is missing: run `ocr-pipeline migrate`",
    "42703": "a column is missing: run `ocr-pipeline migrate`",
    "53200": "it has no memory left",
    "53300": "it has no connection left",
    "55P03": "another unit of work held a lock for too long",
    "57014": "a statement took too long",
    "57P01": "it is being shut down",
    "57P02": "it crashed",
    "57P03": "it is starting or stopping",
    "57P05": "the connection was idle for too long",
    "58030": "it cannot read or write its disk",
}
"""SQLSTATEs after which the same work may succeed later, with what is wrong."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what SQLAlchemy or psycopg raises inside the block into the project's errors; interruptions stay theirs."""
    try:
        yield
    except (SQLAlchemyError, psycopg.Error, AssertionError) as error:  # SQLAlchemy asserts that it tidied up
        meant = _interruption(error) or _failure(error)
        if meant is None:
            raise
        raise meant from None


def _interruption(error: BaseException) -> BaseException | None:
    """The interruption that an error came of, if one did."""
    behind = error.__context__
    while behind is not None and not isinstance(behind, KeyboardInterrupt | SystemExit):
        behind = behind.__context__
    return behind


def _failure(error: Exception) -> PipelineError | None:
    match error:
        case psycopg.Error():
            return _from_driver(error, disconnected=False)
        case SQLAlchemyError():
            return translate(error)
        case _:
            return None


def translate(error: SQLAlchemyError) -> PipelineError | None:
    """The project's error for one of SQLAlchemy's, or None when it is a fault in this program."""
    if isinstance(error, PoolTimeout):
        return DatabaseUnavailable("every connection to the database is in use")
    if isinstance(error, PendingRollbackError):
        return DatabaseUnavailable("the unit of work lost its connection to the database")
    if isinstance(error, DBAPIError) and isinstance(error.orig, psycopg.Error):
        return _from_driver(error.orig, disconnected=error.connection_invalidated)
    return None


def _from_driver(error: psycopg.Error, *, disconnected: bool) -> PipelineError:
    state = error.sqlstate or ""
    if state == _DISK_FULL:
        return StoreFull("the disk of the database is full")
    if state in _PASSING:
        return DatabaseUnavailable(f"the database cannot do this now: {_PASSING[state]} ({state})")
    if state == _UNIQUE_VIOLATION:
        return Conflict(f"a record like this exists already ({_constraint(error)})")
    if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
        return IntegrityError(f"the database refused a record ({state or 'by its driver'}, {_constraint(error)})")
    if disconnected or isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return DatabaseUnavailable(f"the database does not answer ({state or type(error).__name__})")
    return IntegrityError(f"the database refused a statement ({state})")


def _constraint(error: psycopg.Error) -> str:
    return error.diag.constraint_name or "no constraint named"
