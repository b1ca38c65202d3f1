"""Opens documents in child processes: the adapter behind the `DocumentOpener` port."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from operator import attrgetter
from types import TracebackType
from typing import Self

from ocr_pipeline.adapters.documents import protocol
from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.protocol import Kind, PageReport, ProtocolError
from ocr_pipeline.adapters.documents.request import ChildExit, Request
from ocr_pipeline.adapters.documents.spawner import Child, Spawner
from ocr_pipeline.domain.documents import MediaType, RefusalReason
from ocr_pipeline.domain.errors import PipelineError, Refused
from ocr_pipeline.ports.documents import OpenedDocument, OpenedPage

FULL_SHARE = 0.5
"""A child that is killed from outside with this share of its memory in use fell to the kernel's want of memory."""

LINGER_SECONDS = 1.0
"""How long a child that has said all may take to leave by itself."""

MESSAGES: dict[RefusalReason, str] = {
    RefusalReason.EMPTY_FILE: "The file is empty.",
    RefusalReason.ENCRYPTED_PDF: "The PDF asks for a password.",
    RefusalReason.TOO_MANY_PAGES: "The file has too many pages.",
    RefusalReason.NO_PAGES: "The file has no pages.",
    RefusalReason.DECOMPRESSION_BOMB: "The file unpacks to far more than it may.",
    RefusalReason.PAGE_TOO_LARGE: "A page of the file is too large.",
    RefusalReason.IMAGE_TOO_SMALL: "The image is too small to hold text.",
    RefusalReason.BLANK_RENDER: "The file has content, but none of it can be shown.",
    RefusalReason.TOO_SLOW: "The file takes too long to open.",
    RefusalReason.OUT_OF_MEMORY: "The file takes too much memory to open.",
}
MALFORMED_MESSAGE = "The file is damaged and cannot be read."


class ChildProcessOpener:
    """Opens each document in a child process of its own, within limits. Safe between threads; close it at the end.

    `observe` is told how each child ended and how much memory it took, for metrics.
    """

    def __init__(self, limits: OpenerLimits | None = None, observe: Callable[[ChildExit], None] | None = None) -> None:
        self._limits = limits or OpenerLimits()
        self._observe = observe
        self._spawner = Spawner()

    @contextlib.contextmanager
    def open(self, content: bytes, media_type: MediaType) -> Iterator[OpenedDocument]:
        """Open a document; its child is gone when the context is left.

        Raises Refused, at once or while pages are read: where no page gives an image, at the last page. Raises
        Unavailable when no child can be started, PipelineError when one was killed from outside: neither is the
        document's fault.
        """
        if not content:
            raise refused(RefusalReason.EMPTY_FILE)
        with self._spawner.spawn(content, Request(media_type, self._limits)) as child:
            conversation = Conversation(child, self._limits)
            try:
                count = conversation.page_count()
                yield OpenedDocument(count, with_an_image(conversation.reports(count), self._limits))
            finally:
                ended = child.end()
                if ended is not None and self._observe is not None:
                    self._observe(ended)

    def close(self) -> None:
        """End the processes."""
        self._spawner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Conversation:
    """Reads what one child says, believing nothing, for as long as the limits allow."""

    def __init__(self, child: Child, limits: OpenerLimits) -> None:
        self._child = child
        self._limits = limits
        self._waited = 0.0

    def page_count(self) -> int:
        """How many pages the document has. Raises Refused."""
        kind, fields, _, _ = self._frame()
        if kind is not Kind.OPENED:
            raise refused(RefusalReason.MALFORMED)
        with _believing_nothing():
            return protocol.decode_opened(fields, self._limits)

    def reports(self, count: int) -> Iterator[PageReport]:
        """The pages in order. Raises Refused."""
        for number in range(1, count + 1):
            kind, fields, image, text = self._frame()
            if kind is not Kind.PAGE:
                raise refused(RefusalReason.MALFORMED)
            with _believing_nothing():
                report = protocol.decode_page(fields, image, text, number, self._limits)
            del image  # the caller alone holds the page now
            yield report
            del report
        if self._frame()[0] is not Kind.END:
            raise refused(RefusalReason.MALFORMED)
        self._child.wait(LINGER_SECONDS)

    def _frame(self) -> tuple[Kind, bytes, bytes, bytes]:
        """The next frame. Raises Refused for a refusal, for silence past a limit, and for the child's death."""
        started = time.monotonic()
        deadline = started + min(self._limits.page_seconds, self._limits.document_seconds - self._waited)
        try:
            with _believing_nothing():
                header = protocol.decode_header(self._read(protocol.HEADER_BYTES, deadline), self._limits)
            parts = [self._read(size, deadline) for size in (header.fields, header.image, header.text)]
        except TimeoutError:
            raise self._too_slow(time.monotonic() - started) from None
        except EOFError:
            raise explain(self._child.wait(self._limits.page_seconds), self._limits) from None
        self._waited += time.monotonic() - started
        if header.kind is Kind.REFUSED:
            with _believing_nothing():
                reason, limit = protocol.decode_refused(parts[0], self._limits)
            self._child.wait(LINGER_SECONDS)
            raise refused(reason, limit)
        fields, image, text = parts
        return header.kind, fields, image, text

    def _read(self, size: int, deadline: float) -> bytes:
        buffer = bytearray(size)
        view, answers = memoryview(buffer), self._child.answers
        while view:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            answers.settimeout(left)
            try:
                received = answers.recv_into(view)
            except ConnectionError:
                received = 0
            if not received:
                raise EOFError
            view = view[received:]
        return bytes(buffer)

    def _too_slow(self, waited: float) -> Refused:
        name = "page_seconds" if waited >= self._limits.page_seconds else "document_seconds"
        return refused(RefusalReason.TOO_SLOW, self._limits.describe(name))


def with_an_image(reports: Iterator[PageReport], limits: OpenerLimits) -> Iterator[OpenedPage]:
    """The pages, held back while none has an image. Raises Refused when none has one to the end.

    Only pages without images are held back, so this never holds more than one image.
    """
    held: list[PageReport] = []
    for report in reports:
        if report.page.image is None:
            held.append(report)
            continue
        yield from (earlier.page for earlier in held)
        yield report.page
        del report
        yield from map(attrgetter("page"), reports)
        return
    reason = held[0].refusal or RefusalReason.MALFORMED
    raise refused(reason, limits.describe("min_side") if reason is RefusalReason.IMAGE_TOO_SMALL else None)


def explain(ended: ChildExit | None, limits: OpenerLimits) -> PipelineError:
    """What it means that a child ended before it had said all."""
    if ended is None:
        return PipelineError("the process that opens documents is gone")
    full = ended.peak_bytes >= FULL_SHARE * limits.memory_bytes
    if ended.code == -signal.SIGXCPU:
        return refused(RefusalReason.TOO_SLOW, limits.describe("document_seconds"))
    if ended.code == -signal.SIGKILL and not full:
        return PipelineError("the process that opened the document was killed")
    if full:
        return refused(RefusalReason.OUT_OF_MEMORY, limits.describe("memory_bytes"))
    return refused(RefusalReason.MALFORMED)


def refused(reason: RefusalReason, limit: str | None = None) -> Refused:
    """A refusal in this adapter's own words; nothing a child says reaches a client."""
    return Refused(reason, MESSAGES.get(reason, MALFORMED_MESSAGE), limit=limit)


@contextlib.contextmanager
def _believing_nothing() -> Iterator[None]:
    """A child that breaks the protocol has been broken by its document."""
    try:
        yield
    except ProtocolError:
        raise refused(RefusalReason.MALFORMED) from None
