"""What travels through the broker: ids, counters and ciphertext as plain JSON, never content.

Every message has a `kind` and a `version`. Unknown keys are refused, so that a newer sender is noticed and nothing
is read half.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, ClassVar, Self
from uuid import UUID

from ocr_pipeline.domain.documents import Document
from ocr_pipeline.domain.errors import MalformedMessage
from ocr_pipeline.domain.ids import DocumentId, PageRef
from ocr_pipeline.domain.pages import Page
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.retries import Failure
from ocr_pipeline.domain.sealing import WrappedKey

_VERSION = 1
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class IntakeTask:
    """Open this document."""

    kind: ClassVar[str] = "intake"
    document_id: DocumentId
    priority: Priority

    def to_json(self) -> Json:
        """Plain JSON."""
        return _envelope(self.kind, document_id=str(self.document_id), priority=self.priority.label)

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Raises MalformedMessage."""
        body = _body(cls.kind, data, {"document_id", "priority"})
        return cls(_document_id(body), _priority(body))


@dataclass(frozen=True, slots=True)
class RecognitionTask:
    """Read this page: all a worker needs, since it has no database."""

    kind: ClassVar[str] = "recognition"
    page: PageRef
    attempt: int
    dispatch: int
    priority: Priority
    key: WrappedKey
    media_type: str
    width: int
    height: int
    dpi: float | None

    @classmethod
    def of(cls, document: Document, page: Page) -> Self:
        """The task of a page as it stands. Raises KeyMissing when the document was erased."""
        return cls(
            page.ref,
            page.attempt,
            page.dispatch,
            document.priority,
            document.usable_key(),
            page.media_type,
            page.width,
            page.height,
            page.dpi,
        )

    def to_json(self) -> Json:
        """Plain JSON."""
        return _envelope(
            self.kind,
            **_page_fields(self.page, self.attempt, self.dispatch),
            priority=self.priority.label,
            key_id=self.key.key_id,
            key=_encode(self.key.ciphertext),
            media_type=self.media_type,
            width=self.width,
            height=self.height,
            dpi=self.dpi,
        )

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Raises MalformedMessage."""
        names = {*_PAGE_FIELDS, "priority", "key_id", "key", "media_type", "width", "height", "dpi"}
        body = _body(cls.kind, data, names)
        dpi = body["dpi"]
        return cls(
            _page(body),
            _count(body, "attempt", least=1),
            _count(body, "dispatch"),
            _priority(body),
            WrappedKey(_text(body, "key_id"), _decode(body, "key")),
            _text(body, "media_type"),
            _count(body, "width", least=1),
            _count(body, "height", least=1),
            None if dpi is None else _number(body, "dpi"),
        )


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page was read. `text` is sealed; the rest is what a verdict needs and is free of PHI.

    `configuration` says how it was read, so that the page can be known again; workers of earlier versions do not say.
    """

    kind: ClassVar[str] = "page_read"
    page: PageRef
    attempt: int
    dispatch: int
    text: bytes
    confidence: float
    blank: bool
    reasons: tuple[str, ...]
    engine: str
    seconds: float
    configuration: str | None = None

    def to_json(self) -> Json:
        """Plain JSON."""
        return _envelope(
            self.kind,
            **_page_fields(self.page, self.attempt, self.dispatch),
            text=_encode(self.text),
            confidence=self.confidence,
            blank=self.blank,
            reasons=list(self.reasons),
            engine=self.engine,
            seconds=self.seconds,
            **({} if self.configuration is None else {"configuration": self.configuration}),
        )

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Raises MalformedMessage."""
        names = {*_PAGE_FIELDS, "text", "confidence", "blank", "reasons", "engine", "seconds"}
        body = _body(cls.kind, data, names, {"configuration"})
        confidence = _number(body, "confidence")
        reasons, blank = body["reasons"], body["blank"]
        if not 0.0 <= confidence <= 1.0:
            raise MalformedMessage("a confidence lies in [0, 1]")
        if not isinstance(blank, bool) or not isinstance(reasons, list):
            raise MalformedMessage("blank is true or false and reasons are a list")
        if not all(isinstance(reason, str) for reason in reasons):
            raise MalformedMessage("reasons are text")
        return cls(
            _page(body),
            _count(body, "attempt", least=1),
            _count(body, "dispatch"),
            _decode(body, "text"),
            confidence,
            blank,
            tuple(reasons),
            _text(body, "engine"),
            _number(body, "seconds"),
            _text(body, "configuration") if "configuration" in body else None,
        )


@dataclass(frozen=True, slots=True)
class PageFailed:
    """A try on a page failed; what follows is the results stage's to decide."""

    kind: ClassVar[str] = "page_failed"
    page: PageRef
    attempt: int
    dispatch: int
    failure: Failure

    def to_json(self) -> Json:
        """Plain JSON."""
        return _envelope(
            self.kind,
            **_page_fields(self.page, self.attempt, self.dispatch),
            code=self.failure.code,
            retryable=self.failure.retryable,
            counts_attempt=self.failure.counts_attempt,
        )

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Raises MalformedMessage."""
        body = _body(cls.kind, data, {*_PAGE_FIELDS, "code", "retryable", "counts_attempt"})
        retryable, counts = body["retryable"], body["counts_attempt"]
        if not isinstance(retryable, bool) or not isinstance(counts, bool):
            raise MalformedMessage("retryable and counts_attempt are true or false")
        failure = Failure(_text(body, "code"), retryable, counts)
        return cls(_page(body), _count(body, "attempt", least=1), _count(body, "dispatch"), failure)


@dataclass(frozen=True, slots=True)
class PageRedelivered:
    """The broker delivered a page's message again: its worker died, or the broker or a deploy was restarted."""

    kind: ClassVar[str] = "page_redelivered"
    page: PageRef
    attempt: int
    dispatch: int

    def to_json(self) -> Json:
        """Plain JSON."""
        return _envelope(self.kind, **_page_fields(self.page, self.attempt, self.dispatch))

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Raises MalformedMessage."""
        body = _body(cls.kind, data, set(_PAGE_FIELDS))
        return cls(_page(body), _count(body, "attempt", least=1), _count(body, "dispatch"))


Report = PageRead | PageFailed | PageRedelivered
"""What a recognition worker tells the results stage."""


def parse_report(data: object) -> Report:
    """The report in a results message. Raises MalformedMessage."""
    kind = data.get("kind") if isinstance(data, dict) else None
    match kind:
        case PageRead.kind:
            return PageRead.from_json(data)
        case PageFailed.kind:
            return PageFailed.from_json(data)
        case PageRedelivered.kind:
            return PageRedelivered.from_json(data)
        case _:
            raise MalformedMessage("not a report on a page")


_PAGE_FIELDS = ("document_id", "page", "attempt", "dispatch")


def _envelope(kind: str, **body: Any) -> Json:  # noqa: ANN401 - JSON values
    return {"kind": kind, "version": _VERSION, **body}


def _page_fields(page: PageRef, attempt: int, dispatch: int) -> Json:
    return dict(zip(_PAGE_FIELDS, (str(page.document_id), page.number, attempt, dispatch), strict=True))


def _body(kind: str, data: object, names: set[str], optional: AbstractSet[str] = frozenset()) -> Json:
    if not isinstance(data, dict):
        raise MalformedMessage("a message is a JSON object")
    if data.get("kind") != kind or data.get("version") != _VERSION:
        raise MalformedMessage(f"expected kind {kind}, version {_VERSION}")
    if set(data) - optional != names | {"kind", "version"}:
        raise MalformedMessage(f"a {kind} message has exactly these fields: {', '.join(sorted(names))}")
    return data


def _text(body: Json, name: str) -> str:
    value = body[name]
    if not isinstance(value, str) or not value:
        raise MalformedMessage(f"{name} is text")
    return value


def _count(body: Json, name: str, *, least: int = 0) -> int:
    value = body[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise MalformedMessage(f"{name} is a whole number from {least}")
    return value


def _number(body: Json, name: str) -> float:
    value = body[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise MalformedMessage(f"{name} is a number from 0")
    return float(value)


def _document_id(body: Json) -> DocumentId:
    try:
        return DocumentId(UUID(_text(body, "document_id")))
    except ValueError:
        raise MalformedMessage("document_id is a UUID") from None


def _page(body: Json) -> PageRef:
    return PageRef(_document_id(body), _count(body, "page", least=1))


def _priority(body: Json) -> Priority:
    try:
        return Priority.parse(_text(body, "priority"))
    except ValueError:
        raise MalformedMessage("unknown priority") from None


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(body: Json, name: str) -> bytes:
    try:
        return base64.b64decode(_text(body, name), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedMessage(f"{name} is base64") from None
