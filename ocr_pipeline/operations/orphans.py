"""Removing objects that belong to nothing.

An answer to a commit may get lost, or a process be killed between the store and the database: what it had put into the
store stays there without a row, and nobody can open it, for its key stands in the row. An erased document may leave
objects behind where the store failed after its key was gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice
from threading import Lock
from uuid import UUID

from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.errors import IntegrityError
from ocr_pipeline.domain.ids import DocumentId, document_prefix, made_at, uuid7
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.objects import ObjectStore
from ocr_pipeline.ports.records import Records

_ALL_DOCUMENTS = "documents/"


@dataclass(frozen=True, slots=True)
class OrphanRules:
    """How old objects must be before they can be orphans, and how much one sweep may do.

    `at_once` documents are looked at, and at most `most` of those may turn out to be unknown: more than that is no
    trace of crashes but the wrong database, or one that was set back. `recent` is where the first sweep begins.
    """

    older_than: timedelta = timedelta(hours=1)
    recent: timedelta = timedelta(days=2)
    at_once: int = 5_000
    most: int = 100


@dataclass(frozen=True, slots=True)
class OrphansDropped:
    """How many documents were looked at, and how many objects were removed that belong to none."""

    documents: int
    objects: int


class DropOrphans:
    """Each call goes on where the one before ended, and after the last document begins anew. Safe between threads.

    Several processes may sweep at once. The first call begins with the recent past, where orphans are to be expected.
    """

    def __init__(self, records: Records, store: ObjectStore, clock: Clock, rules: OrphanRules) -> None:
        self._records = records
        self._store = store
        self._clock = clock
        self._rules = rules
        self._after: str | None = None
        self._lock = Lock()

    def __call__(self) -> OrphansDropped:
        """Look at some documents.

        Raises StoreUnavailable, DatabaseUnavailable, and IntegrityError where too many objects belong to nothing: then
        nothing was removed, and a person must look.
        """
        with self._lock:
            now = self._clock.now()
            found = list(islice(self._documents(now), self._rules.at_once))
            orphans = self._orphans(found)
            objects = sum(self._store.delete_prefix(document_prefix(document_id)) for document_id in orphans)
            self._after = _behind(found[-1]) if len(found) == self._rules.at_once else _ALL_DOCUMENTS
        return OrphansDropped(len(found), objects)

    def _documents(self, now: datetime) -> Iterator[DocumentId]:
        """The documents that have objects, from where the last sweep ended up to those too young to judge."""
        after = self._after
        if after is None:
            after = f"{_ALL_DOCUMENTS}{uuid7(round((now - self._rules.recent).timestamp() * 1000), 0)}"
        names = (key.split("/")[1] for key in self._store.keys(_ALL_DOCUMENTS, after=after))
        for name, _ in groupby(names):
            document_id = _id_of(name)
            made = None if document_id is None else made_at(document_id)
            if document_id is None or made is None:
                continue  # not of our making
            if now - made < self._rules.older_than:
                return
            yield document_id

    def _orphans(self, found: list[DocumentId]) -> list[DocumentId]:
        with self._records() as uow:
            known = uow.progress(found)
        unknown = [document_id for document_id in found if document_id not in known]
        if len(unknown) > self._rules.most:
            raise IntegrityError("objects of more documents than crashes explain are in no table: nothing was removed")
        return unknown + [each for each in known if known[each].state is DocumentState.ERASED]


def _behind(document_id: DocumentId) -> str:
    """A name behind every key of a document and before those of the next."""
    return document_prefix(document_id).removesuffix("/") + chr(ord("/") + 1)


def _id_of(name: str) -> DocumentId | None:
    try:
        return DocumentId(UUID(name))
    except ValueError:
        return None
