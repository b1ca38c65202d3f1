"""Messages for tests, each of a document of its own unless told otherwise."""

from __future__ import annotations

from uuid import UUID, uuid4

from ocr_pipeline.domain.ids import DocumentId, PageRef
from ocr_pipeline.domain.messages import IntakeTask, PageFailed, PageRead, PageRedelivered, RecognitionTask
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.retries import Failure
from ocr_pipeline.domain.sealing import WrappedKey


def page_ref(number: int = 1, document: UUID | None = None) -> PageRef:
    return PageRef(DocumentId(document or uuid4()), number)


def intake_task(priority: Priority = Priority.ROUTINE) -> IntakeTask:
    return IntakeTask(DocumentId(uuid4()), priority)


def recognition_task(priority: Priority = Priority.ROUTINE, page: PageRef | None = None) -> RecognitionTask:
    key = WrappedKey("key-1", b"wrapped")
    return RecognitionTask(page or page_ref(), 1, 1, priority, key, "image/png", 100, 200, 200.0)


def page_read(page: PageRef | None = None) -> PageRead:
    return PageRead(page or page_ref(), 1, 1, b"sealed text", 0.9, blank=False, reasons=(), engine="e", seconds=0.1)


def page_failed(page: PageRef | None = None, code: str = "engine_failed") -> PageFailed:
    return PageFailed(page or page_ref(), 1, 1, Failure(code, retryable=True, counts_attempt=True))


def page_redelivered(page: PageRef | None = None) -> PageRedelivered:
    return PageRedelivered(page or page_ref(), 1, 1)
