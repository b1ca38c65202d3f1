"""Tables in memory, and a transaction's view of them: its own writes laid over what others committed."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

from ocr_pipeline.domain.audit import AuditEvent, ChainHead
from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.ids import DocumentId, PageRef, ReviewId
from ocr_pipeline.domain.pages import Page
from ocr_pipeline.domain.review import ReviewItem

Key = TypeVar("Key", bound=Hashable)
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything committed, keyed as the database keys it. Read and written only under `mutex`."""

    documents: dict[DocumentId, Document] = field(default_factory=dict)
    heads: dict[DocumentId, ChainHead] = field(default_factory=dict)
    pages: dict[PageRef, Page] = field(default_factory=dict)
    reviews: dict[ReviewId, ReviewItem] = field(default_factory=dict)
    events: dict[tuple[DocumentId, int], AuditEvent] = field(default_factory=dict)
    mutex: Lock = field(default_factory=Lock)


class View(Generic[Key, Row]):
    """One table as one transaction sees it: committed rows (those of others as they appear) under its own writes."""

    def __init__(self, committed: dict[Key, Row], mutex: Lock) -> None:
        self._committed = committed
        self._mutex = mutex
        self._written: dict[Key, Row] = {}

    def get(self, key: Key) -> Row | None:
        """The row, or None."""
        if key in self._written:
            return self._written[key]
        with self._mutex:
            return self._committed.get(key)

    def rows(self) -> list[Row]:
        """Every row, in no order."""
        return list(self._merged().values())

    def names(self) -> list[Key]:
        """Every key, in no order."""
        return list(self._merged())

    def put(self, key: Key, row: Row) -> None:
        """Write a row that others see after `flush`."""
        self._written[key] = row

    def flush(self) -> None:
        """Hand the writes to the committed table; the caller holds the mutex."""
        self._committed.update(self._written)
        self._written.clear()

    def discard(self) -> None:
        """Forget the writes."""
        self._written.clear()

    def _merged(self) -> dict[Key, Row]:
        with self._mutex:
            return {**self._committed, **self._written}
