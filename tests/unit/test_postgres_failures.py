"""An interruption in the midst of a statement stays one, whatever fails while SQLAlchemy tidies up after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import psycopg
import pytest
from sqlalchemy.exc import PendingRollbackError, ProgrammingError

from ocr_pipeline.adapters.postgres.failures import translated
from ocr_pipeline.domain.errors import DatabaseUnavailable, IntegrityError


def wrapped() -> NoReturn:
    """As the check of a pooled connection fails when it cannot be given back its mode."""
    try:
        raise psycopg.ProgrammingError("can't change 'autocommit' now")
    except psycopg.Error as error:
        raise ProgrammingError(None, None, error) from error


def unwrapped() -> NoReturn:
    raise psycopg.InterfaceError("the cursor is closed")


def pending() -> NoReturn:
    raise PendingRollbackError("can't reconnect until the transaction is rolled back")


def asserted() -> NoReturn:
    raise AssertionError


def interrupted_by(interruption: type[BaseException], tidy_up: Callable[[], NoReturn]) -> NoReturn:
    try:
        raise interruption
    finally:
        tidy_up()


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("tidy_up", [wrapped, unwrapped, pending, asserted])
def test_an_interruption_is_not_taken_for_a_refusal(
    tidy_up: Callable[[], NoReturn], interruption: type[BaseException]
) -> None:
    with pytest.raises(interruption), translated():
        interrupted_by(interruption, tidy_up)


@pytest.mark.parametrize(
    ("fail", "meaning"), [(wrapped, IntegrityError), (unwrapped, DatabaseUnavailable), (pending, DatabaseUnavailable)]
)
def test_without_one_the_same_errors_are_the_databases(fail: Callable[[], NoReturn], meaning: type[Exception]) -> None:
    with pytest.raises(meaning), translated():
        fail()
