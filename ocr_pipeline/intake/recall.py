"""Pages that were read before: of the same client, from the same image, in the way pages are read now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.errors import DecryptionFailed, KeyMissing, KeyUnavailable, NotFound
from ocr_pipeline.domain.ids import ClientId, PageRef
from ocr_pipeline.domain.pages import TRUSTED_STATES, Page, PageState
from ocr_pipeline.domain.sealing import Place, Purpose, WrappedKey
from ocr_pipeline.domain.verdicts import VerdictRules, judge
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records, UnitOfWork
from ocr_pipeline.ports.vault import Vault


class RecallObserver(Protocol):
    """Is told of pages that need no reading. Safe between threads."""

    def recalled(self, page: PageRef, source: PageRef) -> None:
        """A page was committed with the text of `source`."""
        ...


@dataclass(frozen=True, slots=True)
class RecallRules:
    """Which readings count: those under `configuration` (a digest), no older than `lifetime`, that pass the verdict."""

    configuration: str
    lifetime: timedelta
    verdicts: VerdictRules


@dataclass(frozen=True, slots=True)
class Recalled:
    """A page as it is to be recorded, its text sealed anew, and the page that the text comes from."""

    page: Page
    source: PageRef


@dataclass(frozen=True, slots=True)
class _Source:
    """A page read before, and the key that opens it."""

    page: Page
    key: WrappedKey


class RecallPages:
    """Recalls the pages of one document at a time. Safe between threads."""

    def __init__(
        self, records: Records, vault: Vault, clock: Clock, rules: RecallRules, observer: RecallObserver
    ) -> None:
        self._records = records
        self._vault = vault
        self._clock = clock
        self._rules = rules
        self._observer = observer

    def fingerprint(self, client_id: ClientId, image: bytes) -> bytes:
        """What a client's page image is known by: 32 bytes, keyed. Raises KeyUnavailable."""
        return self._vault.fingerprint(client_id, image)

    def __call__(self, document: Document, key: WrappedKey, pages: Sequence[Page]) -> list[Recalled]:
        """Those of the queued pages that need no reading. `key` seals their text; a `fresh` document recalls nothing.

        A source that is erased meanwhile is no source; where its text was opened before that, the page keeps it, as
        it would had it been read a moment earlier. Raises DatabaseUnavailable, KeyUnavailable.
        """
        if document.fresh:
            return []
        with self._records() as uow:
            found = [(page, self._source(uow, document, page)) for page in pages if page.state is PageState.QUEUED]
        recalled = [self._recalled(page, key, source) for page, source in found if source is not None]
        return [each for each in recalled if each is not None]

    def confirm(self, recalled: Sequence[Recalled]) -> None:
        """Tell of pages once they are committed."""
        for each in recalled:
            self._observer.recalled(each.page.ref, each.source)

    def _source(self, uow: UnitOfWork, document: Document, page: Page) -> _Source | None:
        """The page read before, where it may be used."""
        if page.fingerprint is None:
            return None
        ref = uow.known_pages.find(document.client_id, page.fingerprint, self._rules.configuration)
        if ref is None:
            return None
        try:
            source, owner = uow.pages.get(ref), uow.documents.get(ref.document_id)
        except NotFound:
            return None
        same = owner.client_id == document.client_id and source.fingerprint == page.fingerprint
        if not same or owner.key is None or not self._stands(source, self._clock.now()):
            return None
        return _Source(source, owner.key)

    def _stands(self, source: Page, now: datetime) -> bool:
        """Whether a reading would be trusted if it were made today."""
        if source.confidence is None or source.state not in TRUSTED_STATES:
            return False
        blank = source.state is PageState.BLANK
        verdict = judge(source.confidence, blank=blank, reasons=source.reasons, rules=self._rules.verdicts)
        return verdict.state is source.state and source.updated_at >= now - self._rules.lifetime

    def _recalled(self, page: Page, key: WrappedKey, source: _Source) -> Recalled | None:
        """The page with the text of its source; None where that cannot be opened, and the page must be read."""
        if source.page.text is None:
            return None
        try:
            text = self._vault.open(source.key, Place.of(source.page.ref, Purpose.PAGE_TEXT), source.page.text)
        except (DecryptionFailed, KeyMissing, KeyUnavailable):
            return None
        page.check_transition(source.page.state)
        known = replace(
            page,
            state=source.page.state,
            known=True,
            dispatch=0,
            dispatched_at=None,
            text=self._vault.seal(key, Place.of(page.ref, Purpose.PAGE_TEXT), text),
            confidence=source.page.confidence,
            engine=source.page.engine,
            reasons=source.page.reasons,
        )
        return Recalled(known, source.page.ref)
