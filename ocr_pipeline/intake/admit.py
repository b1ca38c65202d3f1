"""The intake stage: a received document becomes encrypted page images and queued pages, or a refusal.

A page that was read before may be recalled instead of queued.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ocr_pipeline.domain.audit import AuditEntry, AuditKind, Detail
from ocr_pipeline.domain.documents import Document, DocumentState, RefusalReason
from ocr_pipeline.domain.errors import NotFound, PipelineError, Refused
from ocr_pipeline.domain.ids import DocumentId, PageRef, ReviewId, document_prefix, original_key, page_key
from ocr_pipeline.domain.messages import IntakeTask
from ocr_pipeline.domain.pages import Page, PageState
from ocr_pipeline.domain.review import ReviewItem
from ocr_pipeline.domain.sealing import Place, Purpose, WrappedKey
from ocr_pipeline.flow.announce import announce
from ocr_pipeline.flow.dispatch import Dispatch, Dispatcher, Outbox
from ocr_pipeline.flow.observer import FlowObserver
from ocr_pipeline.flow.settle import settle
from ocr_pipeline.intake.recall import Recalled, RecallPages
from ocr_pipeline.ports.clock import Clock, Ids
from ocr_pipeline.ports.documents import DocumentOpener, OpenedPage
from ocr_pipeline.ports.engine import PageImage
from ocr_pipeline.ports.objects import ObjectStore
from ocr_pipeline.ports.records import Records, UnitOfWork
from ocr_pipeline.ports.vault import Vault

ACTOR = "intake"


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    """How often a document may be opened before it is refused, and whether pages without an image go to a person."""

    max_attempts: int = 3
    review: bool = True


class AdmitDocument:
    """Admits one document at a time. Safe between threads, and to repeat: only the first to finish has an effect.

    Without `recall` every page is read.
    """

    def __init__(
        self,
        records: Records,
        store: ObjectStore,
        vault: Vault,
        opener: DocumentOpener,
        dispatcher: Dispatcher,
        clock: Clock,
        ids: Ids,
        rules: AdmissionRules,
        recall: RecallPages | None = None,
        observer: FlowObserver | None = None,
    ) -> None:
        self._records = records
        self._store = store
        self._vault = vault
        self._opener = opener
        self._dispatcher = dispatcher
        self._clock = clock
        self._ids = ids
        self._rules = rules
        self._recall = recall
        self._observer = observer or FlowObserver()

    def __call__(self, task: IntakeTask) -> None:
        """Open the document and queue its pages.

        Raises what the store, the vault and the database raise: the message is then tried again, and an outage
        costs the document no attempt.
        """
        document = self._begin(task.document_id)
        if document is None or document.key is None:
            return
        try:
            pages = self._keep_pages(document, document.key)
            recalled = self._recalled(document, document.key, pages)
        except Refused as refusal:
            self._refuse(document.id, refusal)
        except PipelineError as error:
            if not error.counts_attempt:
                self._forgive(document.id)
            raise
        else:
            self._queue_pages(document.id, pages, recalled)

    def _begin(self, document_id: DocumentId) -> Document | None:
        """Count the attempt; None when there is nothing (more) to do."""
        with self._records() as uow:
            try:
                document = uow.documents.lock(document_id)
            except NotFound:
                return None
            if document.state is not DocumentState.RECEIVED:
                return None
            if document.intake_attempts >= self._rules.max_attempts:
                reason = RefusalReason.INTAKE_FAILED
                self._record_refusal(uow, document, Refused(reason, "opening the file failed again and again"))
                uow.commit()
                self._observer.refused(reason.value)
                return None
            document = replace(document, intake_attempts=document.intake_attempts + 1)
            uow.documents.save(document)
            uow.commit()
        return document

    def _keep_pages(self, document: Document, key: WrappedKey) -> list[Page]:
        """Store every page's image. Raises Refused, also where no page gives one."""
        sealed = self._store.get(original_key(document.id))
        content = self._vault.open(key, Place(document.id, Purpose.ORIGINAL), sealed)
        with self._opener.open(content, document.media_type) as opened:
            pages = [self._keep_page(document, key, found) for found in opened.pages]
        if not any(page.state is PageState.QUEUED for page in pages):
            reason = pages[0].reasons[0] if pages else RefusalReason.NO_PAGES.value
            raise Refused(reason, "no page of the file gives an image")
        return pages

    def _keep_page(self, document: Document, key: WrappedKey, found: OpenedPage) -> Page:
        ref, now = PageRef(document.id, found.number), self._clock.now()
        layer = None
        if found.text_layer is not None:
            layer = self._vault.seal(key, Place.of(ref, Purpose.TEXT_LAYER), found.text_layer.encode())
        if found.image is None:
            state = PageState.IN_REVIEW if self._rules.review else PageState.FAILED
            return Page(ref, state, now, reasons=(found.problem or "not_rendered",), text_layer=layer)
        sealed = self._vault.seal(key, Place.of(ref, Purpose.PAGE_IMAGE), found.image.data)
        self._store.put(page_key(ref), sealed)
        return Page(
            ref,
            PageState.QUEUED,
            now,
            media_type=found.image.media_type,
            width=found.image.width,
            height=found.image.height,
            dpi=found.image.dpi,
            dispatch=1,
            dispatched_at=now,
            text_layer=layer,
            fingerprint=self._fingerprint(document, found.image),
        )

    def _fingerprint(self, document: Document, image: PageImage) -> bytes | None:
        return None if self._recall is None else self._recall.fingerprint(document.client_id, image.data)

    def _recalled(self, document: Document, key: WrappedKey, pages: list[Page]) -> dict[int, Recalled]:
        """Pages that need no reading, by their numbers."""
        recalled = [] if self._recall is None else self._recall(document, key, pages)
        return {each.page.ref.number: each for each in recalled}

    def _queue_pages(self, document_id: DocumentId, opened: list[Page], recalled: dict[int, Recalled]) -> None:
        now = self._clock.now()
        outbox = Outbox()
        pages = [recalled[page.ref.number].page if page.ref.number in recalled else page for page in opened]
        with self._records() as uow:
            document = uow.documents.lock(document_id)
            if document.state is not DocumentState.RECEIVED:
                # Cancelled, erased or refused while its pages were drawn: nothing tells of their images.
                if document.state is DocumentState.ERASED or not uow.pages.states(document_id):
                    self._drop_images(document_id)
                return
            document.check_transition(DocumentState.QUEUED)
            document = replace(document, state=DocumentState.QUEUED, page_count=len(pages), updated_at=now)
            uow.documents.save(document)
            uow.pages.add(pages)
            with_layer = sum(page.text_layer is not None for page in pages)
            self._audit(uow, document_id, AuditKind.DOCUMENT_QUEUED, pages=len(pages), text_layers=with_layer)
            for page in pages:
                if page.state is PageState.QUEUED:
                    outbox.pages.append(Dispatch.of(document, page))
                elif page.ref.number in recalled:
                    self._record_known(uow, recalled[page.ref.number])
                else:
                    self._set_aside(uow, document, page)
            settled = settle(uow, document, at=now, actor=ACTOR)
            uow.commit()
        self._observer.moved(document, settled)
        if self._recall is not None:
            self._recall.confirm(list(recalled.values()))
        self._dispatcher.send(outbox)

    def _record_known(self, uow: UnitOfWork, recalled: Recalled) -> None:
        page, source = recalled.page, recalled.source
        self._audit(
            uow,
            page.ref.document_id,
            AuditKind.PAGE_KNOWN,
            page=page.ref.number,
            state=page.state.value,
            source_document=str(source.document_id),
            source_page=source.number,
            confidence=None if page.confidence is None else round(page.confidence, 4),
            engine=page.engine,
            reasons=list(page.reasons),
        )

    def _set_aside(self, uow: UnitOfWork, document: Document, page: Page) -> None:
        kind = AuditKind.PAGE_IN_REVIEW if page.state is PageState.IN_REVIEW else AuditKind.PAGE_FAILED
        self._audit(uow, document.id, kind, page=page.ref.number, reasons=list(page.reasons))
        if page.state is PageState.IN_REVIEW:
            review_id = ReviewId(self._ids.new())
            uow.reviews.add(ReviewItem(review_id, page.ref, document.priority, page.reasons, None, page.updated_at))

    def _refuse(self, document_id: DocumentId, refusal: Refused) -> None:
        with self._records() as uow:
            document = uow.documents.lock(document_id)
            if document.state is not DocumentState.RECEIVED:
                return
            self._record_refusal(uow, document, refusal)
            uow.commit()
        self._observer.refused(refusal.reason)
        self._drop_images(document_id)

    def _drop_images(self, document_id: DocumentId) -> None:
        self._store.delete_prefix(document_prefix(document_id) + "pages/")

    def _record_refusal(self, uow: UnitOfWork, document: Document, refusal: Refused) -> None:
        document.check_transition(DocumentState.REJECTED)
        now = self._clock.now()
        refused = replace(
            document, state=DocumentState.REJECTED, reason=refusal.reason, limit=refusal.limit, updated_at=now
        )
        uow.documents.save(refused)
        self._audit(uow, document.id, AuditKind.DOCUMENT_REJECTED, reason=refusal.reason, limit=refusal.limit)
        announce(uow, refused, at=now)

    def _forgive(self, document_id: DocumentId) -> None:
        """An outage is not the document's fault: give the attempt back."""
        with self._records() as uow:
            document = uow.documents.lock(document_id)
            if document.intake_attempts:
                uow.documents.save(replace(document, intake_attempts=document.intake_attempts - 1))
                uow.commit()

    def _audit(
        self,
        uow: UnitOfWork,
        document_id: DocumentId,
        kind: AuditKind,
        *,
        page: int | None = None,
        **details: Detail,
    ) -> None:
        uow.audit.append(AuditEntry(document_id, kind, self._clock.now(), ACTOR, page, tuple(details.items())))
