"""Handing out: waiting items become documents, as fast as their lane has room and only while the run may.

An item is claimed by a lock on its row, so that several that hand out never take the same one. Several claimed items
are taken in at once, for most of the time of each is waiting for a store; what became of them is recorded in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from threading import Event, Lock

from ocr_pipeline.bulk.sealed import open_about
from ocr_pipeline.bulk.take_item import ItemLimits, TakeIn, TakeItem, Taken
from ocr_pipeline.domain.bulk import BulkItem, BulkRun, ItemState, RunId, RunState
from ocr_pipeline.domain.errors import PipelineError
from ocr_pipeline.ports.bulk import FileSource, FileSources, Splitter
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.records import Records, UnitOfWork
from ocr_pipeline.ports.vault import Vault


@dataclass(frozen=True, slots=True)
class HandOutRules:
    """Bounds of handing out.

    `lane_target` pages may wait in the lane; `group` items are claimed at once, for at most `group_seconds`, and
    `at_once` of them are in hand; one step lasts about `step_seconds`. After `max_throttled` files in a row that could
    not be fetched a step ends; after `max_attempts` a file is given up. The files in hand have about twice
    `max_source_bytes` together at most.
    """

    lane_target: int = 400
    group: int = 8
    at_once: int = 1
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


class _Fetching:
    """How the source of a step does: files in a row that could not be fetched. Safe between threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._in_a_row = 0
        self._lock = Lock()

    def note(self, taken: Taken) -> None:
        """Count one."""
        with self._lock:
            self._in_a_row = self._in_a_row + 1 if taken.throttled else 0

    @property
    def throttled(self) -> bool:
        """Whether the source is better left alone."""
        return self._in_a_row >= self._most


@dataclass(slots=True)
class _Step:
    """One step as it goes on."""

    pool: ThreadPoolExecutor
    source: FileSource
    fetching: _Fetching
    handed_out: int = 0


@dataclass(frozen=True, slots=True)
class _Group:
    """Items that were claimed together; none is begun after `end`, nor once it is `over`."""

    run: BulkRun
    end: float
    over: Event


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
        self._clock = clock
        self._rules = rules
        limits = ItemLimits(rules.max_source_bytes // rules.at_once, rules.max_source_bytes, rules.max_attempts)
        self._take_item = TakeItem(records, vault, splitter, take_in, clock, limits)

    def __call__(self, run_id: RunId) -> tuple[int, Halt]:
        """Hand out until something speaks against it; returns how many items went out, and what that was.

        The run's state is looked at before every few items, its window before each. Raises what the store, the vault
        and the database raise: whatever was handed out by then stays so.
        """
        with self._records() as uow:
            run = uow.bulk_runs.get(run_id)
        if (halt := self._forbidden(run)) is not None:
            return 0, halt
        source, started = self._sources(open_about(self._vault, run).base), self._clock.monotonic()
        with ThreadPoolExecutor(self._rules.at_once, thread_name_prefix="hand-out") as pool:
            step = _Step(pool, source, _Fetching(self._rules.max_throttled))
            while True:
                halt = self._group(run_id, step)
                if halt is None and self._clock.monotonic() - started >= self._rules.step_seconds:
                    halt = Halt.TIME_UP
                if halt is not None:
                    return step.handed_out, halt

    def _forbidden(self, run: BulkRun) -> Halt | None:
        if run.state is not RunState.RUNNING:
            return Halt.NOT_RUNNING
        return None if run.may_hand_out(self._clock.now()) else Halt.WINDOW_SHUT

    def _group(self, run_id: RunId, step: _Step) -> Halt | None:
        """Claim a few items and hand them out; what is recorded of them stays, also where one fails."""
        end = self._clock.monotonic() + self._rules.group_seconds
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
            group = _Group(run, end, Event())
            begun = [step.pool.submit(self._take, group, item, step) for item in claimed]
            try:
                failure = self._record(uow, begun, step)
            finally:
                group.over.set()
            uow.commit()
        if failure is not None:
            raise failure
        return Halt.THROTTLED if step.fetching.throttled else None

    def _take(self, group: _Group, item: BulkItem, step: _Step) -> Taken | None:
        """Take one item in, None where it came to be too late for it. One that raises ends its group."""
        late = group.over.is_set() or self._clock.monotonic() >= group.end
        if late or step.fetching.throttled or self._forbidden(group.run) is not None:
            return None
        try:
            taken = self._take_item(group.run, item, step.source)
        except BaseException:
            group.over.set()
            raise
        step.fetching.note(taken)
        return taken

    @staticmethod
    def _record(uow: UnitOfWork, begun: Sequence[Future[Taken | None]], step: _Step) -> PipelineError | None:
        """Record what becomes of items, in their order; returns the first failure where there is one."""
        failure = None
        for each in begun:
            try:
                taken = each.result()
            except PipelineError as error:
                failure = failure or error
                continue
            if taken is not None:
                uow.bulk_items.save(taken.item)
                uow.bulk_items.add_segments(taken.segments)
                step.handed_out += taken.item.state is ItemState.HANDED_OUT
        return failure
