"""Several files in hand: as many as may be and no more, and everything that holds for one at a time holds still."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ocr_pipeline.bulk.hand_out import Halt, HandOutRules
from ocr_pipeline.bulk.take_item import Handed
from ocr_pipeline.domain.documents import RefusalReason
from ocr_pipeline.domain.errors import PipelineError, Refused, StoreFull, StoreUnavailable
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.window import Window
from tests.unit.bulk.bulk_world import BulkWorld, Files
from tests.unit.world import PNG
from tests.waiting import PATIENCE

HANDS = 4
NIGHTLY = Window.parse("22:00-06:00", "UTC")


class Slow(Files):
    """Files that are fetched side by side: the first ones arrive once `meet` of them are on their way."""

    def __init__(
        self, *contents: bytes | PipelineError, meet: int = 1, arrived: Callable[[], None] | None = None
    ) -> None:
        super().__init__(*contents)
        self.barrier = threading.Barrier(meet, arrived)
        self.most = 0
        self._in_hand = self._asked = 0
        self._lock = threading.Lock()

    def read(self, name: str, version: str | None, max_bytes: int) -> bytes:
        with self._lock:
            self._in_hand += 1
            self.most = max(self.most, self._in_hand)
            self._asked += 1
            first = self._asked <= self.barrier.parties
        try:
            if first:
                self.barrier.wait(PATIENCE)
            return super().read(name, version, max_bytes)
        finally:
            with self._lock:
                self._in_hand -= 1


class Measured(Files):
    """Files that keep to what they may be. Notes what was asked, and counts whole ones that were asked for."""

    def __init__(self, *contents: bytes | PipelineError) -> None:
        super().__init__(*contents)
        self.lock = threading.Lock()
        self.asked: list[int] = []
        self.whole = 0

    def read(self, name: str, version: str | None, max_bytes: int) -> bytes:
        content = super().read(name, version, max_bytes)
        with self.lock:
            self.asked.append(max_bytes)
            self.whole += max_bytes == 100
        if len(content) > max_bytes:
            raise Refused(RefusalReason.TOO_LARGE, "too large")
        return content


def letters(count: int) -> list[bytes]:
    return [PNG + bytes([65 + number]) for number in range(count)]


def rules(**others: int) -> HandOutRules:
    return HandOutRules(**{"group": 8, "at_once": HANDS} | others)


def fail(bulk: BulkWorld, *names: str, error: Exception | None = None) -> None:
    """Let intake fail for some files."""
    take_in = bulk.take_in

    def failing(handed: Handed) -> tuple[DocumentId, bool]:
        if handed.name in names:
            raise error or StoreFull("no room")
        return take_in(handed)

    bulk.take_in = failing  # type: ignore[method-assign]
    bulk.wire()


def test_so_many_files_are_in_hand_and_no_more() -> None:
    bulk = BulkWorld(Slow(*letters(8), meet=HANDS), rules())
    run_id = bulk.started()
    assert bulk.hand_out(run_id) == (8, Halt.NOTHING_DUE)
    assert isinstance(bulk.files, Slow)
    assert bulk.files.most == HANDS
    assert bulk.states(run_id) == ["handed_out"] * 8
    assert len(bulk.documents()) == 8


def test_each_item_is_the_document_of_its_own_file() -> None:
    bulk = BulkWorld(Slow(*letters(8), meet=HANDS), rules())
    run_id = bulk.started()
    bulk.hand_out(run_id)
    names = [bulk.world.read(each.document_id, actor="test").name for each in bulk.segments(run_id, *range(1, 9))]
    assert names == [f"charts/kim {number}.png" for number in range(1, 9)]


def test_the_lane_is_never_filled_beyond_its_target() -> None:
    bulk = BulkWorld(Files(*letters(10)), rules(lane_target=6))
    run_id = bulk.started()
    assert bulk.hand_out(run_id) == (6, Halt.LANE_FULL)
    assert len(bulk.files.fetched) == 6
    bulk.finish_documents()
    assert bulk.hand_out(run_id) == (4, Halt.NOTHING_DUE)


def test_once_the_window_has_shut_nothing_is_begun() -> None:
    def shut() -> None:
        bulk.world.clock.time = datetime(2026, 3, 1, 6, tzinfo=UTC)

    bulk = BulkWorld(Slow(*letters(8), meet=HANDS, arrived=shut), rules())
    bulk.world.clock.time = datetime(2026, 3, 1, 5, 59, 59, tzinfo=UTC)
    run_id = bulk.started(window=NIGHTLY)
    assert bulk.hand_out(run_id) == (HANDS, Halt.WINDOW_SHUT)
    assert bulk.states(run_id) == ["handed_out"] * HANDS + ["waiting"] * 4


def test_what_is_in_hand_when_one_fails_is_recorded() -> None:
    bulk = BulkWorld(Slow(*letters(4), meet=HANDS), rules())
    fail(bulk, "charts/kim 2.png")
    run_id = bulk.started()
    with pytest.raises(StoreFull):
        bulk.hand_out(run_id)
    assert bulk.states(run_id) == ["handed_out", "waiting", "handed_out", "handed_out"]
    assert len(bulk.documents()) == 3


def test_after_a_failure_nothing_is_begun() -> None:
    bulk = BulkWorld(Slow(*letters(8), meet=HANDS), rules())
    fail(bulk, *bulk.files.contents)
    run_id = bulk.started()
    with pytest.raises(StoreFull):
        bulk.hand_out(run_id)
    assert len(bulk.files.fetched) == HANDS
    assert bulk.states(run_id) == ["waiting"] * 8


def test_what_nobody_foresaw_records_nothing_and_is_made_up_for() -> None:
    """The documents that there are by then are found again under their requests."""
    bulk = BulkWorld(Slow(*letters(4), meet=HANDS), rules())
    run_id = bulk.started()
    fail(bulk, "charts/kim 2.png", error=LookupError("a slip"))
    with pytest.raises(LookupError):
        bulk.hand_out(run_id)
    assert bulk.states(run_id) == ["waiting"] * 4
    del bulk.take_in
    bulk.wire()
    assert bulk.hand_out(run_id) == (4, Halt.NOTHING_DUE)
    assert {segment.document_id for segment in bulk.segments(run_id, 1, 2, 3, 4)} == {
        document.id for document in bulk.documents()
    }
    assert not any(segment.known for segment in bulk.segments(run_id, 1, 2, 3, 4))


def test_a_source_that_throttles_is_left_alone() -> None:
    bulk = BulkWorld(Slow(*[StoreUnavailable("slow down")] * 9, meet=HANDS), rules(group=9, max_throttled=3))
    run_id = bulk.started()
    assert bulk.hand_out(run_id) == (0, Halt.THROTTLED)
    tried = len(bulk.files.fetched)
    assert tried == sum(item.attempts for item in bulk.items(run_id))
    assert tried < 3 + HANDS, "those in hand when the third had failed, and no more"


def test_equal_files_side_by_side_become_one_document() -> None:
    bulk = BulkWorld(Slow(*[PNG + b"same"] * 4, meet=HANDS), rules())
    run_id = bulk.started()
    assert bulk.hand_out(run_id) == (4, Halt.NOTHING_DUE)
    (document,) = bulk.documents()
    segments = bulk.segments(run_id, 1, 2, 3, 4)
    assert {segment.document_id for segment in segments} == {document.id}
    assert sorted(segment.known for segment in segments) == [False, True, True, True]


def test_of_large_files_one_is_in_hand_and_small_ones_pass_by_it() -> None:
    """A share of 25 bytes each; what does not fit into that waits for its turn with the whole 100."""
    files = Measured(*[PNG + bytes(50)] * 2, *[PNG + b"small"] * 6)
    bulk = BulkWorld(files, rules(max_source_bytes=100))
    take_in, small = bulk.take_in, threading.Semaphore(0)

    def watched(handed: Handed) -> tuple[DocumentId, bool]:
        if len(handed.content) < 25:
            small.release()
            return take_in(handed)
        with files.lock:
            in_hand.append(files.whole - len(in_hand))
        if len(in_hand) == 1:
            assert all(small.acquire(timeout=PATIENCE) for _ in range(6))
        return take_in(handed)

    in_hand: list[int] = []
    bulk.take_in = watched  # type: ignore[method-assign]
    bulk.wire()
    assert bulk.hand_out(bulk.started()) == (8, Halt.NOTHING_DUE)
    assert sorted(files.asked) == [25] * 8 + [100] * 2
    assert in_hand == [1, 1]
