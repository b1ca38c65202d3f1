"""A process that dies at any point of a bulk run: gone on with, every file is one document, none is lost or doubled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any, Self

from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.bulk.hand_out import HandOutRules
from ocr_pipeline.domain.bulk import RunId, RunState
from ocr_pipeline.ports.bulk import SourceFile
from tests.unit.bulk.bulk_world import BulkWorld, Files
from tests.unit.world import PNG

FILES = [PNG + b"parts:ab", PNG + b"c", b"<html>", PNG + b"parts:def", PNG + b"g"]
DOCUMENTS = 7
ONE_BY_ONE = HandOutRules(group=2, lane_target=3)
AT_ONCE = HandOutRules(group=5, lane_target=9, at_once=3)


class Died(BaseException):
    """The process is gone: nothing may catch this."""


class Fate:
    """Ends the process at one of its points, counted from 1; 0 lets it live."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.passed = 0

    def point(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            raise Died


class MortalWork:
    """A unit of work in which the process may die before a commit or after it."""

    def __init__(self, work: Any, fate: Fate) -> None:
        self._work = work
        self._fate = fate

    def __enter__(self) -> Self:
        self._work.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._work.__exit__(*raised)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)

    def commit(self) -> None:
        self._fate.point()
        self._work.commit()
        self._fate.point()


def mortal(bulk: BulkWorld, fate: Fate) -> None:
    """Let the process die at commits (also those of intake), fetches and submissions."""
    records, take_in, read = bulk.world.records, bulk.take_in, bulk.files.read
    bulk.records = bulk.world.submit._records = lambda: MortalWork(records(), fate)
    bulk.take_in = around(take_in, fate)  # type: ignore[method-assign]
    bulk.files.read = around(read, fate)  # type: ignore[method-assign]
    bulk.wire()


def around(call: Callable[..., Any], fate: Fate) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> Any:
        fate.point()
        answer = call(*arguments, **named)
        fate.point()
        return answer

    return called


def live_on(bulk: BulkWorld, run_id: RunId) -> None:
    """As somebody who starts it again does, until the run is finished."""
    if bulk.run(run_id).state is RunState.LISTING:
        for _ in bulk.create.fill(run_id, bulk.files, actor="cli:kim"):
            pass
    bulk.control.start(run_id, actor="cli:kim")
    for _ in range(20):
        bulk.step.step(run_id)
        bulk.finish_documents()
        if bulk.run(run_id).state is RunState.FINISHED:
            return
    raise AssertionError("the run does not come to its end")


class SharedFate(Fate):
    """The fate of several threads: once the process is gone, none of them goes on."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self._lock = Lock()

    def point(self) -> None:
        with self._lock:
            self.passed += 1
            if 0 < self.at <= self.passed:
                raise Died


def one_life(*deaths: int, rules: HandOutRules = ONE_BY_ONE) -> tuple[BulkWorld, RunId, int]:
    """A run whose process dies at points of its lives one after the other, and then lives on."""
    bulk = BulkWorld(Files(*FILES), rules)
    bulk.files.rows = [SourceFile(name) for name in bulk.files.contents]
    plain = (bulk.records, bulk.take_in, bulk.files.read)
    run_id, passed = bulk.begin().id, 0
    for death in deaths:
        fate = Fate(death) if rules is ONE_BY_ONE else SharedFate(death)
        mortal(bulk, fate)
        with suppress(Died):
            live_on(bulk, run_id)
        passed = fate.passed
        bulk.records, bulk.take_in, bulk.files.read = plain  # type: ignore[method-assign]
        bulk.world.submit._records = bulk.records
        bulk.wire()
        if bulk.run(run_id).state is RunState.FINISHED:
            break
    if bulk.run(run_id).state is not RunState.FINISHED:
        live_on(bulk, run_id)
    return bulk, run_id, passed


def check(bulk: BulkWorld, run_id: RunId) -> None:
    assert sorted(bulk.states(run_id)) == ["done"] * 4 + ["refused:unsupported_format"]
    segments = bulk.segments(run_id, *range(1, 6))
    assert len(segments) == len({segment.document_id for segment in segments}) == DOCUMENTS
    assert not any(segment.known for segment in segments)
    assert {document.id for document in bulk.documents()} == {segment.document_id for segment in segments}
    events = [event.state for event in bulk.report(run_id).events]
    assert events.count(RunState.FINISHED) == events.count(RunState.RUNNING) == 1


def test_a_process_may_die_at_every_single_point() -> None:
    _, _, points = one_life(0)
    assert points > 50
    for point in range(1, points + 1):
        bulk, run_id, passed = one_life(point)
        assert passed == point
        check(bulk, run_id)


@given(st.lists(st.integers(1, 60), max_size=5))
def test_processes_may_die_again_and_again(deaths: list[int]) -> None:
    bulk, run_id, _ = one_life(*deaths)
    check(bulk, run_id)


def test_a_process_with_several_files_in_hand_may_die_at_every_single_point() -> None:
    _, _, points = one_life(0, rules=AT_ONCE)
    assert points > 40
    for point in range(1, points + 1):
        bulk, run_id, _ = one_life(point, rules=AT_ONCE)
        check(bulk, run_id)
