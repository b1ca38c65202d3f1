"""How everything stands: the rows of each state counted in their index up to a bound, and estimated above it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.dialects import postgresql

from ocr_pipeline.adapters.postgres.tables import documents, pages, review_items
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.ports.records import COUNTED, Counts

State = TypeVar("State", bound=StrEnum)

_OTHER_WAYS = ("enable_seqscan", "enable_bitmapscan")
_SET = "SELECT current_setting(%(name)s) AS before, set_config(%(name)s, %(value)s, true)"


def counts(transaction: Transaction, most: int = COUNTED) -> Counts:
    """Counts over all documents; every state is named, also where there is none. Above `most` they are estimates."""
    with _through_indexes(transaction):
        return Counts(
            documents=_of_states(transaction, documents, DocumentState, most),
            pages=_of_states(transaction, pages, PageState, most),
            open_reviews=_many(transaction, review_items, review_items.c.resolution.is_(None), most),
        )


def _of_states(transaction: Transaction, table: Table, states: type[State], most: int) -> dict[State, int]:
    return {state: _many(transaction, table, table.c.state == state.value, most) for state in states}


def _many(transaction: Transaction, table: Table, condition: ColumnElement[bool], most: int) -> int:
    """How many rows there are; where that is more than `most`, as many as the planner thinks, but more than that."""
    some = select().select_from(table).where(condition).limit(most + 1).subquery()
    counted = transaction.first(select(func.count().label("many")).select_from(some))
    many: int = counted["many"] if counted is not None else 0
    return many if many <= most else max(many, _thought(transaction, table, condition))


def _thought(transaction: Transaction, table: Table, condition: ColumnElement[bool]) -> int:
    """How many rows the planner thinks there are, by its last look at the table and by how that has grown since."""
    asked = select().select_from(table).where(condition)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # has no types
    plain = asked.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    found = transaction.first_of(f"EXPLAIN (FORMAT JSON) {plain}", {})
    return int(found["QUERY PLAN"][0]["Plan"]["Plan Rows"]) if found is not None else 0


@contextmanager
def _through_indexes(transaction: Transaction) -> Iterator[None]:
    """Read rows through indexes alone.

    The planner takes the rows of a state to lie all over the table, where a walk soon meets enough of them. But they
    lie by age: to find those that are new it would go through all that is old.
    """
    before = {name: _set(transaction, name, "off") for name in _OTHER_WAYS}
    yield
    for name, value in before.items():
        _set(transaction, name, value)


def _set(transaction: Transaction, name: str, value: str) -> str:
    """Set something until the transaction ends; returns what it was."""
    found = transaction.first_of(_SET, {"name": name, "value": value})
    return value if found is None else str(found["before"])
