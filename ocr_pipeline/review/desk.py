"""The review desk: what a reviewer can do with the pages that machines must not accept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ocr_pipeline.domain.audit import AuditEntry, AuditKind, Detail
from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.errors import Conflict
from ocr_pipeline.domain.ids import ReviewId, page_key
from ocr_pipeline.domain.measures import character_error_rate
from ocr_pipeline.domain.review import Lease, Resolution, ReviewItem
from ocr_pipeline.domain.sealing import Place, Purpose
from ocr_pipeline.domain.text import PageText
from ocr_pipeline.flow.sealed import open_page_text
from ocr_pipeline.flow.settle import settle
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.objects import ObjectStore
from ocr_pipeline.ports.records import Records, UnitOfWork
from ocr_pipeline.ports.vault import Vault

_AUDIT_KIND = {
    Resolution.CONFIRMED: AuditKind.REVIEW_CONFIRMED,
    Resolution.CORRECTED: AuditKind.REVIEW_CORRECTED,
    Resolution.UNREADABLE: AuditKind.REVIEW_UNREADABLE,
}


@dataclass(frozen=True, slots=True)
class ReviewSheet:
    """All a reviewer needs: the item, the machine's reading and the page image (None where none could be made)."""

    item: ReviewItem
    read: PageText | None
    image: bytes | None
    media_type: str


class ReviewDesk:
    """Review of doubted pages. Every look at a page and every decision is audited under the reviewer's name."""

    def __init__(
        self, records: Records, store: ObjectStore, vault: Vault, clock: Clock, lease: timedelta = timedelta(minutes=15)
    ) -> None:
        self._records = records
        self._store = store
        self._vault = vault
        self._clock = clock
        self._lease = lease

    def waiting(self, *, limit: int = 100, unclaimed: bool = False) -> list[ReviewItem]:
        """Open items, most urgent first, then oldest."""
        with self._records() as uow:
            return uow.reviews.open_items(limit=limit, claimable_at=self._clock.now() if unclaimed else None)

    def show(self, review_id: ReviewId, reviewer: str, *, with_image: bool = True) -> ReviewSheet:
        """Open a page for a reviewer. Raises NotFound, KeyMissing once the document was erased."""
        with self._records() as uow:
            item = uow.reviews.get(review_id)
            document = uow.documents.lock(item.page.document_id)
            page = uow.pages.get(item.page)
            key = document.usable_key()
            self._audit(uow, item, AuditKind.DOCUMENT_READ, reviewer, self._clock.now())
            uow.commit()
        read = None
        if page.text is not None:
            read = open_page_text(self._vault, key, item.page, page.text)
        image = None
        if with_image and page.media_type:
            sealed = self._store.get(page_key(item.page))
            image = self._vault.open(key, Place.of(item.page, Purpose.PAGE_IMAGE), sealed)
        return ReviewSheet(item, read, image, page.media_type)

    def claim(self, review_id: ReviewId, reviewer: str) -> ReviewItem:
        """Take (or prolong) the lease of an item. Raises NotFound, Conflict while another's lease holds."""
        with self._records() as uow:
            item, _document = self._lock(uow, review_id)
            now = self._clock.now()
            item.check_claim(reviewer, now)
            item = replace(item, lease=Lease(reviewer, now + self._lease))
            uow.reviews.save(item)
            self._audit(uow, item, AuditKind.REVIEW_CLAIMED, reviewer, now)
            uow.commit()
        return item

    def release(self, review_id: ReviewId, reviewer: str) -> ReviewItem:
        """Give the lease back. Raises NotFound, Conflict when the reviewer does not hold it."""
        with self._records() as uow:
            item, _document = self._lock(uow, review_id)
            now = self._clock.now()
            item.check_resolve(reviewer, now)
            item = replace(item, lease=None)
            uow.reviews.save(item)
            self._audit(uow, item, AuditKind.REVIEW_RELEASED, reviewer, now)
            uow.commit()
        return item

    def confirm(self, review_id: ReviewId, reviewer: str) -> ReviewItem:
        """The machine's text is right as it stands. Raises Conflict when the machine read nothing."""
        return self._resolve(review_id, reviewer, Resolution.CONFIRMED, None)

    def correct(self, review_id: ReviewId, reviewer: str, text: str) -> ReviewItem:
        """The text is this. Keeps the machine's character error rate against it. Raises Conflict for no text."""
        if not text.strip():
            raise Conflict("a correction has text; use unreadable for a page that has none to give")
        return self._resolve(review_id, reviewer, Resolution.CORRECTED, text)

    def unreadable(self, review_id: ReviewId, reviewer: str) -> ReviewItem:
        """Nobody can read this page."""
        return self._resolve(review_id, reviewer, Resolution.UNREADABLE, None)

    def _resolve(self, review_id: ReviewId, reviewer: str, resolution: Resolution, text: str | None) -> ReviewItem:
        with self._records() as uow:
            item, document = self._lock(uow, review_id)
            now = self._clock.now()
            item.check_resolve(reviewer, now)
            page = uow.pages.get(item.page)
            page.check_transition(resolution.page_state)
            if resolution is Resolution.CONFIRMED and page.text is None:
                raise Conflict("the machine read nothing on this page; correct it or mark it unreadable")
            cer = 0.0 if resolution is Resolution.CONFIRMED else None
            correction = None
            if text is not None:
                key = document.usable_key()
                machine = "" if page.text is None else open_page_text(self._vault, key, item.page, page.text).text
                cer = character_error_rate(text, machine)
                correction = self._vault.seal(key, Place.of(item.page, Purpose.CORRECTION), text.encode())
            item = replace(
                item,
                lease=None,
                resolution=resolution,
                resolved_at=now,
                resolved_by=reviewer,
                cer=cer,
                correction=correction,
            )
            uow.reviews.save(item)
            uow.pages.save(replace(page, state=resolution.page_state, updated_at=now))
            self._audit(
                uow, item, _AUDIT_KIND[resolution], reviewer, now, ("cer", None if cer is None else round(cer, 4))
            )
            settle(uow, document, at=now, actor=reviewer)
            uow.commit()
        return item

    @staticmethod
    def _lock(uow: UnitOfWork, review_id: ReviewId) -> tuple[ReviewItem, Document]:
        document = uow.documents.lock(uow.reviews.get(review_id).page.document_id)
        return uow.reviews.get(review_id), document

    @staticmethod
    def _audit(
        uow: UnitOfWork,
        item: ReviewItem,
        kind: AuditKind,
        actor: str,
        now: datetime,
        *details: tuple[str, Detail],
    ) -> None:
        uow.audit.append(
            AuditEntry(
                item.page.document_id,
                kind,
                now,
                actor,
                item.page.number,
                (("review", str(item.id)), *details),
            )
        )
