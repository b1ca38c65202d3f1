"""Bulk runs: a large set of files taken in over one night or several, item by item, each exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType
from uuid import UUID

from ocr_pipeline.domain.documents import SETTLED_STATES, DocumentKind, DocumentState
from ocr_pipeline.domain.errors import Conflict
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.priorities import ROUTINE_WITHIN, Priority
from ocr_pipeline.domain.sealing import Place, Purpose, WrappedKey
from ocr_pipeline.domain.window import Window

RunId = NewType("RunId", UUID)

_FIRST_DELAY = timedelta(seconds=15)
_LONGEST_DELAY = timedelta(minutes=15)


class RunState(StrEnum):
    """Where a run stands. `listing`: its items are still being written down."""

    LISTING = "listing"
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


RUN_TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    RunState.LISTING: frozenset({RunState.CREATED, RunState.CANCELLED}),
    RunState.CREATED: frozenset({RunState.RUNNING, RunState.CANCELLED}),
    RunState.RUNNING: frozenset({RunState.PAUSED, RunState.FINISHED, RunState.CANCELLED}),
    RunState.PAUSED: frozenset({RunState.RUNNING, RunState.FINISHED, RunState.CANCELLED}),
    RunState.FINISHED: frozenset(),
    RunState.CANCELLED: frozenset(),
}

FOLLOWED_STATES = frozenset({RunState.RUNNING, RunState.PAUSED, RunState.CANCELLED})
"""States in which documents that were handed out may still come to an end."""


class ItemState(StrEnum):
    """Where an item stands. An item of a cancelled run that still waits was never handed out."""

    WAITING = "waiting"
    HANDED_OUT = "handed_out"
    DONE = "done"
    REFUSED = "refused"
    MISSING = "missing"
    FAILED = "failed"
    DUPLICATE = "duplicate"


ITEM_TRANSITIONS: dict[ItemState, frozenset[ItemState]] = {
    ItemState.WAITING: frozenset({ItemState.HANDED_OUT, ItemState.REFUSED, ItemState.MISSING, ItemState.FAILED}),
    ItemState.HANDED_OUT: frozenset({ItemState.DONE, ItemState.REFUSED, ItemState.FAILED}),
    **{
        state: frozenset()
        for state in (ItemState.DONE, ItemState.REFUSED, ItemState.MISSING, ItemState.FAILED, ItemState.DUPLICATE)
    },
}

OPEN_ITEMS = frozenset({ItemState.WAITING, ItemState.HANDED_OUT})
"""States of items that something is still to happen to."""


@dataclass(frozen=True, slots=True)
class BulkRun:
    """One run. `about` is sealed under the run's own key: its label, and where its files lie.

    Without a `window` it hands out at any time, as it does once it was started `unbounded`. `deadline` is when all of
    it is needed.
    """

    id: RunId
    client_id: ClientId
    state: RunState
    created_at: datetime
    updated_at: datetime
    key: WrappedKey
    about: bytes = field(repr=False)
    window: Window | None = None
    unbounded: bool = False
    deadline: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    def check_transition(self, target: RunState) -> None:
        """Raise Conflict when the table has no such step."""
        if target not in RUN_TRANSITIONS[self.state]:
            raise Conflict(f"a bulk run that is {self.state.value} cannot become {target.value}")

    @property
    def open_window(self) -> Window | None:
        """The window that binds the run, None where none does."""
        return None if self.unbounded else self.window

    def may_hand_out(self, now: datetime) -> bool:
        """Whether items may go out now."""
        return self.state is RunState.RUNNING and (self.open_window is None or self.open_window.is_open(now))

    def priority(self, now: datetime) -> Priority:
        """The class its documents get: bulk, and one higher in the last hour before the deadline and after it."""
        late = self.deadline is not None and self.deadline - now <= ROUTINE_WITHIN
        return Priority.ROUTINE if late else Priority.BULK

    def place(self, purpose: Purpose, number: int = 0) -> Place:
        """Where something sealed of this run (of an item, by its number) belongs: under the run's own id."""
        return Place(run_owner(self.id), purpose, number)


@dataclass(frozen=True, slots=True)
class RunEvent:
    """A change of a run's state, by whom."""

    run_id: RunId
    at: datetime
    state: RunState
    actor: str


@dataclass(frozen=True, slots=True)
class BulkItem:
    """One file of a run; `number` counts from 1 in the order of the list.

    `source` is sealed under the run's key: the file's name below the run's base, and what the list said of it; None
    where there is nothing to hand out, and once a document made from it was erased. `fingerprint` is the name's, keyed.
    `line` is where a manifest names it. `code` says why it was not done. `pages` is known once it is settled.
    """

    run_id: RunId
    number: int
    state: ItemState
    source: bytes | None = field(repr=False)
    fingerprint: bytes | None = None
    line: int | None = None
    kind: DocumentKind = DocumentKind.OTHER
    code: str | None = None
    duplicate_of: int | None = None
    attempts: int = 0
    not_before: datetime | None = None
    handed_out_at: datetime | None = None
    settled_at: datetime | None = None
    pages: int | None = None

    def check_transition(self, target: ItemState) -> None:
        """Raise Conflict when the table has no such step."""
        if target not in ITEM_TRANSITIONS[self.state]:
            raise Conflict(f"an item that is {self.state.value} cannot become {target.value}")

    @property
    def seconds(self) -> float | None:
        """From being handed out to being settled."""
        if self.handed_out_at is None or self.settled_at is None:
            return None
        return (self.settled_at - self.handed_out_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of an item's pages as one document; `index` counts from 1, `first_page` within the item.

    `known` tells that the document was there before.
    """

    run_id: RunId
    number: int
    index: int
    first_page: int
    document_id: DocumentId
    known: bool = False


@dataclass(frozen=True, slots=True)
class SegmentDocument:
    """A segment and how its document stands."""

    segment: Segment
    state: DocumentState
    reason: str | None
    page_count: int | None
    updated_at: datetime


def run_owner(run_id: RunId) -> DocumentId:
    """The run's id where sealing asks for a document's: version 7 UUIDs never meet."""
    return DocumentId(run_id)


def request_key(run_id: RunId, number: int, index: int) -> str:
    """The idempotency key of a segment: however often it is handed out, it becomes one document."""
    return f"bulk/{run_id}/{number}/{index}"


def delay_after(attempts: int) -> timedelta:
    """How long an item waits whose file could not be fetched so many times: doubling, up to a quarter of an hour."""
    return min(_FIRST_DELAY * (1 << min(attempts, 10)), _LONGEST_DELAY)


def outcome(documents: Sequence[SegmentDocument]) -> tuple[ItemState, str | None]:
    """What an item has come to, given all its documents, each settled; the code says why it is not done.

    The worst of them decides. Raises ValueError where one is not settled or there is none.
    """
    if not documents or any(document.state not in SETTLED_STATES for document in documents):
        raise ValueError("an item is settled when all its documents are")
    for document in documents:
        if document.state is DocumentState.FAILED:
            return ItemState.FAILED, document.reason or "pages_failed"
    for document in documents:
        if document.state is DocumentState.REJECTED:
            return ItemState.REFUSED, document.reason or "rejected"
    for document in documents:
        if document.state in {DocumentState.CANCELLED, DocumentState.ERASED}:
            return ItemState.FAILED, document.state.value
    return ItemState.DONE, None
