"""Writing results back to S3, beside what they came from: tried again where that fails, and harmless when repeated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Event

from ocr_pipeline.domain.documents import Document, DocumentState
from ocr_pipeline.domain.errors import (
    DecryptionFailed,
    IntegrityError,
    KeyMissing,
    ObjectMissing,
    PipelineError,
    StoreFull,
    Unavailable,
)
from ocr_pipeline.domain.sealing import Place as SealedPlace
from ocr_pipeline.domain.sealing import Purpose
from ocr_pipeline.domain.triggers import OutputProblem, SourceObject
from ocr_pipeline.ports.buckets import Buckets
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.triggers import ResultFile, ResultFiles
from ocr_pipeline.ports.vault import Vault
from ocr_pipeline.triggers.identity import Address, Fingerprints
from ocr_pipeline.triggers.rules import Place
from ocr_pipeline.triggers.take import OUTPUT_LEASE

TAG = "ocr-pipeline"
"""The tag of a source object that tells the state its document came to."""

_READABLE = frozenset({DocumentState.COMPLETED, DocumentState.FAILED})
_TOLD = _READABLE | {DocumentState.REJECTED}
_MAX_KEY_BYTES = 1024
_FIRST_DELAY = timedelta(seconds=5)
_LONGEST_DELAY = timedelta(hours=1)
_MAX_FAILURES = 10


@dataclass(frozen=True, slots=True)
class OutputRules:
    """Where results go (an empty bucket in `place` stands for that of the source), and whether sources are tagged."""

    place: Place
    tag: bool = False
    batch: int = 4


class _Unwritable(PipelineError):
    """The result can never be written; the problem says why. It never leaves this module."""

    code = "unwritable"

    def __init__(self, problem: OutputProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


class WriteResults:
    """One sweep over the results that are due. Safe to run at any time and from several places at once."""

    def __init__(
        self,
        records: Records,
        vault: Vault,
        buckets: Buckets,
        files: ResultFiles,
        clock: Clock,
        stopping: Event,
        rules: OutputRules,
    ) -> None:
        self._records = records
        self._vault = vault
        self._fingerprints = Fingerprints(vault)
        self._buckets = buckets
        self._files = files
        self._clock = clock
        self._stopping = stopping
        self._rules = rules

    def __call__(self) -> int:
        """Write what is due until nothing is; returns how many were written. Raises DatabaseUnavailable."""
        written = 0
        while not self._stopping.is_set():
            claimed = self._claim()
            if not claimed:
                break
            written += sum(self._one(row) for row in claimed)
        return written

    def _claim(self) -> list[SourceObject]:
        now = self._clock.now()
        with self._records() as uow:
            claimed = uow.source_objects.claim_outputs(now=now, until=now + OUTPUT_LEASE, limit=self._rules.batch)
            uow.commit()
        return claimed

    def _one(self, row: SourceObject) -> bool:
        tried = replace(row, output_attempts=row.output_attempts + 1)
        try:
            document = self._document(row)
            address = self._address(row, document)
            if row.output_at is None:
                self._write(document, address)
                tried = replace(tried, output_at=self._clock.now())
            self._tag(document, address)
        except _Unwritable as error:
            return self._keep(row, replace(tried, output_due=None, output_problem=error.problem))
        except (Unavailable, StoreFull):
            return self._keep(row, self._later(tried, OutputProblem.UNAVAILABLE))
        except (DecryptionFailed, IntegrityError):
            return self._keep(row, replace(tried, output_due=None, output_problem=OutputProblem.UNREADABLE))
        except Exception:  # noqa: BLE001 - a boundary: the results behind this one must have their turn
            if tried.output_attempts >= _MAX_FAILURES:
                return self._keep(row, replace(tried, output_due=None, output_problem=OutputProblem.FAILED))
            return self._keep(row, self._later(tried, OutputProblem.FAILED))
        self._keep(row, replace(tried, output_due=None, output_problem=None))
        return True

    def _write(self, document: Document, address: Address) -> None:
        """Write every form."""
        if document.state not in _READABLE:
            return
        try:
            files = self._files(document.id)
        except KeyMissing:
            raise _Unwritable(OutputProblem.ERASED) from None
        for file in files:
            self._put(address, file)

    def _tag(self, document: Document, address: Address) -> None:
        """Tag the source, which says that all is there. Where that fails it alone is tried again."""
        if not self._rules.tag or document.state not in _TOLD:
            return
        try:
            self._buckets.tag(address.bucket, address.key, address.version, {TAG: document.state.value})
        except ObjectMissing:
            return  # whoever took the source away needs no tag on it

    def _document(self, row: SourceObject) -> Document:
        if row.document_id is None or row.sealed is None:
            raise _Unwritable(OutputProblem.ERASED)
        with self._records() as uow:
            return uow.documents.get(row.document_id)

    def _address(self, row: SourceObject, document: Document) -> Address:
        if document.key is None or row.sealed is None:
            raise _Unwritable(OutputProblem.ERASED)
        place = SealedPlace(document.id, Purpose.SOURCE)
        address = Address.from_bytes(self._vault.open(document.key, place, row.sealed))
        # Several objects of one content share a document and its key: each address must be this row's own.
        if self._fingerprints.address(row.client_id, address.bucket, address.key) != row.address:
            raise IntegrityError("a sealed address belongs to another object")
        return address

    def _put(self, source: Address, file: ResultFile) -> None:
        place = self._rules.place
        bucket, name = source.bucket, f"{source.key}{file.suffix}"
        if place.bucket not in {"", source.bucket}:
            bucket, name = place.bucket, f"{source.bucket}/{name}"
        key = f"{place.prefix}{name}"
        if len(key.encode()) > _MAX_KEY_BYTES:
            raise _Unwritable(OutputProblem.KEY_TOO_LONG)
        self._buckets.put(bucket, key, file.content, file.media_type)

    def _later(self, row: SourceObject, problem: OutputProblem) -> SourceObject:
        delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(row.output_attempts - 1, 20))
        return replace(row, output_due=self._clock.now() + delay, output_problem=problem)

    def _keep(self, claimed: SourceObject, row: SourceObject) -> bool:
        """Record how a try ended, unless the object became another document meanwhile, or the claim ran out."""
        with self._records() as uow:
            held = uow.source_objects.lock(row.client_id, row.address)
            if held is not None and (held.document_id, held.output_due) == (claimed.document_id, claimed.output_due):
                uow.source_objects.put(replace(row, sequencer=held.sequencer))
                uow.commit()
        return False
