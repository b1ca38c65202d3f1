"""One item: its file is fetched, split where it is long, and handed to intake part by part.

What is submitted stands under an idempotency key of run and item: a crash between submitting and recording repeats the
request, and the same documents come back.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock

from ocr_pipeline.bulk.sealed import open_source
from ocr_pipeline.domain.bulk import BulkItem, BulkRun, ItemState, Segment, delay_after, request_key
from ocr_pipeline.domain.documents import DocumentKind, RefusalReason
from ocr_pipeline.domain.errors import IdempotencyMismatch, InputMissing, ObjectMissing, PipelineError, Refused
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.ports.bulk import FileSource, Part, Splitter
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.vault import Vault


@dataclass(frozen=True, slots=True)
class Handed:
    """One file for intake. `name` and `reference` are PHI."""

    content: bytes = field(repr=False)
    name: str = field(repr=False)
    client_id: ClientId
    priority: Priority
    kind: DocumentKind
    reference: str | None = field(repr=False)
    idempotency: str
    actor: str


TakeIn = Callable[[Handed], tuple[DocumentId, bool]]
"""Takes in one file: the document it became, and whether another request had made it. Raises as intake does."""


@dataclass(frozen=True, slots=True)
class ItemLimits:
    """Bounds of one item.

    Any number of files of at most `small_bytes` is in hand, and of larger ones, up to `max_bytes`, one at a time. After
    `max_attempts` a file is given up.
    """

    small_bytes: int
    max_bytes: int
    max_attempts: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an item, to be recorded; `throttled` says that its file could not be fetched for now."""

    item: BulkItem
    segments: list[Segment] = field(default_factory=list)
    throttled: bool = False


class TakeItem:
    """Takes claimed items in; it records nothing of them itself. Safe between threads."""

    def __init__(
        self, records: Records, vault: Vault, splitter: Splitter, take_in: TakeIn, clock: Clock, limits: ItemLimits
    ) -> None:
        self._records = records
        self._vault = vault
        self._splitter = splitter
        self._take_in = take_in
        self._clock = clock
        self._limits = limits
        self._large = Lock()
        self._splitting = Lock()

    def __call__(self, run: BulkRun, item: BulkItem, source: FileSource) -> Taken:
        """Take in one item. Raises what may pass by itself; the item then waits as before."""
        now = self._clock.now()
        with ExitStack() as held:
            try:
                content = self._fetch(run, item, source, held)
            except PipelineError as error:
                return self._unfetched(item, error, now)
            return self._submitted(run, item, content, now)

    def _fetch(self, run: BulkRun, item: BulkItem, source: FileSource, held: ExitStack) -> bytes:
        """The content. Of what is more than its share there is one at a time, whose turn lasts until `held` ends."""
        found, limits = open_source(self._vault, run, item), self._limits
        try:
            return source.read(found.name, found.version, min(limits.small_bytes, limits.max_bytes))
        except Refused as refusal:
            if refusal.reason != RefusalReason.TOO_LARGE or limits.small_bytes >= limits.max_bytes:
                raise
        held.enter_context(self._large)
        return source.read(found.name, found.version, limits.max_bytes)

    def _unfetched(self, item: BulkItem, error: PipelineError, now: datetime) -> Taken:
        if not error.retryable:
            return Taken(_ended(item, error, now))
        tried = replace(item, attempts=item.attempts + 1)
        if tried.attempts < self._limits.max_attempts:
            return Taken(replace(tried, not_before=now + delay_after(item.attempts)), throttled=True)
        return Taken(_ended(tried, error, now))

    def _submitted(self, run: BulkRun, item: BulkItem, content: bytes, now: datetime) -> Taken:
        segments: list[Segment] = []
        try:
            with self._splitting:  # each takes a process with the memory of a whole file
                parts = self._splitter.split(content)
            for index, part in enumerate(parts, start=1):
                segments.append(self._submit(run, item, index, part))
        except PipelineError as error:
            if error.retryable:
                raise
            return Taken(_ended(item, error, now), segments)
        item.check_transition(ItemState.HANDED_OUT)
        return Taken(replace(item, state=ItemState.HANDED_OUT, handed_out_at=now, not_before=None), segments)

    def _submit(self, run: BulkRun, item: BulkItem, index: int, part: Part) -> Segment:
        found, key = open_source(self._vault, run, item), request_key(run.id, item.number, index)
        # A name that is no text (bytes of another encoding) is shown as well as it can be.
        name = found.name.encode("utf-8", "replace").decode()
        handed = Handed(
            content=part.content,
            name=name if index == 1 else f"{name} (from page {part.first_page})",
            client_id=run.client_id,
            priority=run.priority(self._clock.now()),
            kind=item.kind,
            reference=found.reference,
            idempotency=key,
            actor=f"bulk:{run.id}",
        )
        try:
            document_id, known = self._take_in(handed)
        except IdempotencyMismatch:
            # The file or its class changed after a crash: what was taken in before is the item's document.
            with self._records() as uow:
                earlier = uow.idempotency.find(run.client_id, key)
            if earlier is None:
                raise
            document_id, known = earlier.document_id, False
        return Segment(run.id, item.number, index, part.first_page, document_id, known)


def _ended(item: BulkItem, error: PipelineError, now: datetime) -> BulkItem:
    if isinstance(error, Refused):
        state, code = ItemState.REFUSED, str(error.reason)
    elif isinstance(error, InputMissing | ObjectMissing):
        state, code = ItemState.MISSING, error.code
    else:
        state, code = ItemState.FAILED, error.code
    item.check_transition(state)
    return replace(item, state=state, code=code, settled_at=now, not_before=None)
