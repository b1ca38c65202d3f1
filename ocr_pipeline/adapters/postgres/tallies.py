"""How some documents, their pages and their review items stand, in few queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import ARRAY, Column, ColumnElement, Uuid, any_, func, literal, select

from ocr_pipeline.adapters.postgres.rows import utc
from ocr_pipeline.adapters.postgres.tables import documents, pages, review_items
from ocr_pipeline.adapters.postgres.transaction import Transaction
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.ports.records import Counts, Progress

State = TypeVar("State", bound=StrEnum)


def counts(transaction: Transaction, document_ids: Sequence[DocumentId]) -> Counts:
    """Counts over the given documents; every state is named, also where there is none."""
    opened = transaction.first(
        select(func.count().label("open"))
        .select_from(review_items)
        .where(review_items.c.resolution.is_(None), _among(review_items.c.document_id, document_ids))
    )
    return Counts(
        documents=_tally(transaction, DocumentState, documents.c.state, _among(documents.c.id, document_ids)),
        pages=_tally(transaction, PageState, pages.c.state, _among(pages.c.document_id, document_ids)),
        open_reviews=opened["open"] if opened is not None else 0,
    )


def progress(transaction: Transaction, document_ids: Sequence[DocumentId]) -> dict[DocumentId, Progress]:
    """How far each document is, in two queries; every state of a page is named, also where there is none."""
    # Documents first: one that is seen settled then shows no page as it was before.
    found = transaction.all(
        select(documents.c.id, documents.c.state, documents.c.updated_at).where(_among(documents.c.id, document_ids))
    )
    many: dict[DocumentId, dict[str, int]] = defaultdict(dict)
    for row in transaction.all(
        select(pages.c.document_id, pages.c.state, func.count().label("many"))
        .where(_among(pages.c.document_id, document_ids))
        .group_by(pages.c.document_id, pages.c.state)
    ):
        many[row["document_id"]][row["state"]] = row["many"]
    return {
        DocumentId(row["id"]): Progress(
            state=DocumentState(row["state"]),
            updated_at=utc(row["updated_at"]),
            pages={state: many[row["id"]].get(state.value, 0) for state in PageState},
        )
        for row in found
    }


def _tally(
    transaction: Transaction, states: type[State], column: Column[str], condition: ColumnElement[bool]
) -> dict[State, int]:
    found = transaction.all(select(column, func.count().label("many")).where(condition).group_by(column))
    many = {row["state"]: row["many"] for row in found}
    return {state: many.get(state.value, 0) for state in states}


def _among(column: Column[object], document_ids: Sequence[DocumentId]) -> ColumnElement[bool]:
    """The condition that a row belongs to one of some documents.

    The ids travel as one array: any number of them makes one and the same statement.
    """
    return column == any_(literal(list(document_ids), ARRAY(Uuid)))
