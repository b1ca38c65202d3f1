"""Handing out: waiting items become documents, as fast as their lane has room and only while the run may.

An item is claimed by a lock on its row, so that several that hand out never take the same one. What is submitted stands
under an idempotency key of run and item: a crash between submitting and recording repeats the request, and the same
documents come back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from ocr_pipeline.bulk.sealed import open_about, open_source
from ocr_pipeline.domain.bulk import BulkItem, BulkRun, ItemState, RunId, RunState, Segment, delay_after, request_key
from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.errors import IdempotencyMismatch, InputMissing, ObjectMissing, PipelineError, Refused
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.ports.bulk import FileSource, FileSources, Part, Splitter
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records, UnitOfWork
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
class HandOutRules:
    """Bounds of handing out.

    `lane_target` pages may wait in the lane; `group` items are claimed at once, for at most `group_seconds`, and one
    step lasts about `step_seconds`. After `max_throttled` files in a row that could not be fetched a step ends; after
    `max_attempts` a file is given up.
    """

    lane_target: int = 400
    group: int = 8
    group_seconds: float = 10.0
    step_seconds: float = 10.0
    max_source_bytes: int = 200 * 1024 * 1024
    max_throttled: int = 3
    max_attempts: int = 20


class Halt(StrEnum):
    """Why a step of handing out ended."""

    NOT_RUNNING = "not_running"
    WINDOW_SHUT = "window_shut"
    LANE_FULL = "lane_full"
    NOTHING_DUE = "nothing_due"
    THROTTLED = "throttled"
    TIME_UP = "time_up"


@dataclass(slots=True)
class _Step:
    """One step as it goes on."""

    source: FileSource
    started: float
    handed_out: int = 0
    throttled: int = 0
    """Files in a row that could not be fetched."""


class HandOut:
    """Hands out items of one run at a time. Safe between threads and processes."""

    def __init__(
        self,
        records: Records,
        vault: Vault,
        sources: FileSources,
        splitter: Splitter,
        take_in: TakeIn,
        clock: Clock,
        rules: HandOutRules,
    ) -> None:
        self._records = records
        self._vault = vault
        self._sources = sources
        self._splitter = splitter
        self._take_in = take_in
        self._clock = clock
        self._rules = rules

    def __call__(self, run_id: RunId) -> tuple[int, Halt]:
        """Hand out until something speaks against it; returns how many items went out, and what that was.

        The run's state and its window are looked at before every few items. Raises what the store, the vault and the
        database raise: whatever was handed out by then stays so.
        """
        with self._records() as uow:
            run = uow.bulk_runs.get(run_id)
        if (halt := self._forbidden(run)) is not None:
            return 0, halt
        step = _Step(self._sources(open_about(self._vault, run).base), self._clock.monotonic())
        while True:
            halt = self._group(run_id, step)
            if halt is None and self._clock.monotonic() - step.started >= self._rules.step_seconds:
                halt = Halt.TIME_UP
            if halt is not None:
                return step.handed_out, halt

    def _forbidden(self, run: BulkRun) -> Halt | None:
        if run.state is not RunState.RUNNING:
            return Halt.NOT_RUNNING
        return None if run.may_hand_out(self._clock.now()) else Halt.WINDOW_SHUT

    def _group(self, run_id: RunId, step: _Step) -> Halt | None:
        """Claim a few items and hand them out; what is recorded of them stays, also where one fails."""
        began = self._clock.monotonic()
        with self._records() as uow:
            run, now = uow.bulk_runs.get(run_id), self._clock.now()
            if (halt := self._forbidden(run)) is not None:
                return halt
            room = self._rules.lane_target - uow.bulk_figures.waiting_pages(run.priority(now))
            if room <= 0:
                return Halt.LANE_FULL
            claimed = uow.bulk_items.claim(run_id, now=now, limit=min(self._rules.group, room))
            if not claimed:
                return Halt.NOTHING_DUE
            failure = None
            for item in claimed:
                if self._clock.monotonic() - began >= self._rules.group_seconds:
                    break
                try:
                    self._hand_out(uow, run, item, step)
                except PipelineError as error:
                    failure = error
                    break
                if step.throttled >= self._rules.max_throttled:
                    break
            uow.commit()
        if failure is not None:
            raise failure
        return Halt.THROTTLED if step.throttled >= self._rules.max_throttled else None

    def _hand_out(self, uow: UnitOfWork, run: BulkRun, item: BulkItem, step: _Step) -> None:
        """One item. Raises what may pass by itself; the item then waits as before."""
        now = self._clock.now()
        try:
            content = self._fetch(run, item, step)
        except PipelineError as error:
            if not error.retryable:
                uow.bulk_items.save(self._ended(item, error, now))
            elif item.attempts + 1 < self._rules.max_attempts:
                step.throttled += 1
                later = now + delay_after(item.attempts)
                uow.bulk_items.save(replace(item, attempts=item.attempts + 1, not_before=later))
            else:
                uow.bulk_items.save(self._ended(replace(item, attempts=item.attempts + 1), error, now))
            return
        step.throttled = 0
        segments: list[Segment] = []
        try:
            for index, part in enumerate(self._splitter.split(content), start=1):
                segments.append(self._submit(uow, run, item, index, part))
        except PipelineError as error:
            if error.retryable:
                raise
            ended = self._ended(item, error, now)
        else:
            item.check_transition(ItemState.HANDED_OUT)
            ended = replace(item, state=ItemState.HANDED_OUT, handed_out_at=now, not_before=None)
            step.handed_out += 1
        uow.bulk_items.save(ended)
        uow.bulk_items.add_segments(segments)

    def _fetch(self, run: BulkRun, item: BulkItem, step: _Step) -> bytes:
        found = open_source(self._vault, run, item)
        return step.source.read(found.name, found.version, self._rules.max_source_bytes)

    def _submit(self, uow: UnitOfWork, run: BulkRun, item: BulkItem, index: int, part: Part) -> Segment:
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
            earlier = uow.idempotency.find(run.client_id, key)
            if earlier is None:
                raise
            document_id, known = earlier.document_id, False
        return Segment(run.id, item.number, index, part.first_page, document_id, known)

    @staticmethod
    def _ended(item: BulkItem, error: PipelineError, now: datetime) -> BulkItem:
        if isinstance(error, Refused):
            state, code = ItemState.REFUSED, str(error.reason)
        elif isinstance(error, InputMissing | ObjectMissing):
            state, code = ItemState.MISSING, error.code
        else:
            state, code = ItemState.FAILED, error.code
        item.check_transition(state)
        return replace(item, state=state, code=code, settled_at=now, not_before=None)
