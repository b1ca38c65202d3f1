"""Receiving a file piece by piece: bounded, recognised, fingerprinted and encrypted as it arrives, never held whole."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from ocr_pipeline.domain.documents import DocumentKind, MediaType, RefusalReason
from ocr_pipeline.domain.errors import Refused
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.intake.sniff import PDF_WINDOW, sniff
from ocr_pipeline.ports.objects import ObjectWriter
from ocr_pipeline.ports.vault import Fingerprinting, Sealing

TELLING_BYTES = PDF_WINDOW + len(b"%PDF-")
"""After so many bytes a file has shown what it is."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What a client says of the file it hands in.

    `priority` is the class asked for; a near `deadline` (with its time zone) raises it. `name`, `reference` (the
    client's own) and `callback` (the address of its webhook) are PHI and are sealed before they are kept. Under one
    `idempotency` key a client gets one document; with `again` a file that it sent before is taken in anew,
    and each of its pages is read anew.
    """

    client_id: ClientId
    name: str = field(repr=False)
    priority: Priority
    actor: str
    kind: DocumentKind = DocumentKind.OTHER
    deadline: datetime | None = None
    reference: str | None = field(default=None, repr=False)
    callback: str | None = field(default=None, repr=False)
    idempotency: str | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class ArrivedFile:
    """What is known of a file once all of it is there: its bytes, its format, its fingerprint within its client."""

    size: int
    media_type: MediaType
    fingerprint: bytes


class ArrivingFile:
    """A file on its way into the store, sealed as it comes. Used by one thread at a time.

    After an error it has ended: what was lost on the way cannot be made up for.
    """

    def __init__(
        self,
        sealing: Sealing,
        fingerprinting: Fingerprinting,
        writer: ObjectWriter,
        *,
        max_bytes: int,
        formats: Collection[MediaType],
    ) -> None:
        self._sealing = sealing
        self._fingerprinting = fingerprinting
        self._writer = writer
        self._max_bytes = max_bytes
        self._formats = formats
        self._size = 0
        self._start = b""
        self._media_type: MediaType | None = None
        self._ended = False

    def write(self, chunk: bytes) -> None:
        """Take a piece.

        Raises Refused as soon as the file is too large or of no accepted format, StoreFull, StoreUnavailable; and
        ValueError once the file has ended.
        """
        with self._going_on():
            self._size += len(chunk)
            self._check_size()
            if self._media_type is None:
                self._start += chunk[: TELLING_BYTES - len(self._start)]
                if len(self._start) == TELLING_BYTES:
                    self._media_type = sniff(self._start, self._formats)
            self._fingerprinting.update(chunk)
            self._writer.write(self._sealing.update(chunk))

    def finish(self) -> ArrivedFile:
        """Close the ciphertext; it still waits to be committed. Raises as `write` does, Refused for an empty file."""
        with self._going_on():
            media_type = self._media_type or sniff(self._start, self._formats)
            self._writer.write(self._sealing.finish())
        self._ended = True
        return ArrivedFile(self._size, media_type, self._fingerprinting.digest())

    def _check_size(self) -> None:
        if self._size > self._max_bytes:
            raise Refused(
                RefusalReason.TOO_LARGE,
                f"the file is larger than {self._max_bytes} bytes, the most that is taken",
                limit=f"max_file_bytes={self._max_bytes}",
            )

    @contextmanager
    def _going_on(self) -> Iterator[None]:
        if self._ended:
            raise ValueError("this file has ended")
        self._ended = True
        yield
        self._ended = False
