"""What is left when the crowd has gone: every document at its end, chains whole, and the store as the table has it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from ocr_pipeline.bootstrap import Application
from ocr_pipeline.domain.documents import SETTLED_STATES, Document, DocumentState
from ocr_pipeline.domain.ids import DocumentId, original_key, page_key

_LOOK_SECONDS = 2.0
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What was found. Lists of keys and ids are empty where all is well."""

    states: dict[str, int]
    unsettled: int
    settled_after: float
    lost: list[str]
    chains: int
    broken: list[str]
    objects: int
    orphans: list[str]
    missing: list[str]


def look(app: Application, accepted: set[str], patience: float) -> Aftermath:
    """Wait until machines are done with every document, or for so many seconds; then look at everything."""
    began = time.monotonic()
    while (unsettled := _unsettled(app)) and time.monotonic() - began < patience:
        time.sleep(_LOOK_SECONDS)
    waited = time.monotonic() - began
    documents = list(_documents(app))
    checks = list(app.verify())
    expected = {key for document in documents for key in _expected(app, document)}
    found = set(app.store.keys("documents/"))
    return Aftermath(
        states=dict(Counter(document.state.value for document in documents)),
        unsettled=unsettled,
        settled_after=waited,
        lost=sorted(accepted - {str(document.id) for document in documents}),
        chains=len(checks),
        broken=[str(check.document_id) for check in checks if check.fault is not None],
        objects=len(found),
        orphans=sorted(found - expected),
        missing=sorted(expected - found),
    )


def _unsettled(app: Application) -> int:
    with app.records() as uow:
        counts = uow.counts()
    return sum(count for state, count in counts.documents.items() if state not in SETTLED_STATES)


def _documents(app: Application) -> Iterator[Document]:
    after: DocumentId | None = None
    while True:
        with app.records() as uow:
            found = uow.documents.find(limit=_BATCH, after=after)
        yield from found
        if len(found) < _BATCH:
            return
        after = found[-1].id


def _expected(app: Application, document: Document) -> list[str]:
    """The objects that belong to a document: its original, and an image of every page that has one."""
    if document.state is DocumentState.ERASED:
        return []
    with app.records() as uow:
        pages = uow.pages.of_document(document.id)
    images = [page_key(page.ref) for page in pages if page.media_type]
    return [original_key(document.id), *images]
